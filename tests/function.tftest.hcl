# The function that the module makes, and who hears of its failures.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "reports/uploader"
  rotation = { random_value = {} }
}

run "alarm_actions_accepts_a_topic" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
  }

  assert {
    condition     = length(module.function) == 1
    error_message = "There is no function to watch."
  }
}

run "alarm_actions_accepts_none_beside_an_existing_function" {
  command = plan

  variables {
    alarm_actions = []
    rotation      = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  assert {
    condition     = length(module.function) == 0
    error_message = "A second function is made."
  }
}

run "alarm_actions_refuses_what_is_no_arn" {
  command = plan

  variables {
    alarm_actions = ["alerts"]
    rotation      = { iam_access_key = { user_name = "uploader" } }
  }

  expect_failures = [var.alarm_actions]
}

run "alarm_actions_refuses_to_watch_an_existing_function" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
    rotation      = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  expect_failures = [var.alarm_actions]
}

run "function_accepts_every_option" {
  command = plan

  variables {
    function = {
      architecture                   = "x86_64"
      kms_key_arn                    = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      layers                         = ["arn:aws:lambda:eu-west-1:123456789012:layer:certificates:1"]
      log_level                      = "WARN"
      log_retention_in_days          = 0
      memory_size                    = 128
      name                           = "rotate-uploader"
      permissions_boundary           = "arn:aws:iam::123456789012:policy/boundary"
      reserved_concurrent_executions = 1
      role_path                      = "/rotation/"
      runtime                        = "python3.12"
      timeout                        = 900
      tracing_mode                   = "Active"
      vpc                            = { security_group_ids = ["sg-1"], subnet_ids = ["subnet-1"] }
    }
  }

  assert {
    condition     = output.function_name == "rotate-uploader"
    error_message = "The function has another name: ${output.function_name}."
  }
  assert {
    condition     = output.function_role_arn == "arn:aws:iam::123456789012:role/rotation/rotate-uploader"
    error_message = "Its role has another ARN: ${output.function_role_arn}."
  }
}

run "function_accepts_no_option" {
  command = plan

  assert {
    condition     = output.function_name == "rotate-reports-uploader-930766b9"
    error_message = "The function has another name: ${output.function_name}."
  }
}

run "function_accepts_a_role_that_exists" {
  command = plan

  variables {
    function = { role_arn = "arn:aws:iam::123456789012:role/apps/rotation" }
  }

  assert {
    condition     = output.function_role_name == "rotation"
    error_message = "The function has another role: ${output.function_role_name}."
  }
}

run "function_accepts_time_enough_for_a_new_key" {
  command = plan

  variables {
    function = { timeout = 70 }
    rotation = { iam_access_key = { user_name = "uploader", settling_seconds = 10 } }
  }

  assert {
    condition     = length(module.function) == 1
    error_message = "No function is made."
  }
}

run "function_refuses_to_describe_an_existing_function" {
  command = plan

  variables {
    function = {}
    rotation = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  expect_failures = [var.function]
}

run "function_refuses_an_architecture_that_lambda_lacks" {
  command = plan

  variables {
    function = { architecture = "arm" }
  }

  expect_failures = [var.function]
}

run "function_refuses_the_alias_of_a_key" {
  command = plan

  variables {
    function = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/reports" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_layer_without_its_arn" {
  command = plan

  variables {
    function = { layers = ["certificates"] }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_log_level_of_python" {
  command = plan

  variables {
    function = { log_level = "WARNING" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_retention_that_cloudwatch_lacks" {
  command = plan

  variables {
    function = { log_retention_in_days = 31 }
  }

  expect_failures = [var.function]
}

run "function_refuses_too_little_memory" {
  command = plan

  variables {
    function = { memory_size = 127 }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_name_with_a_slash" {
  command = plan

  variables {
    function = { name = "rotate/uploader" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_boundary_without_its_arn" {
  command = plan

  variables {
    function = { permissions_boundary = "boundary" }
  }

  expect_failures = [var.function]
}

run "function_refuses_to_stop_every_rotation" {
  command = plan

  variables {
    function = { reserved_concurrent_executions = 0 }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_role_without_its_arn" {
  command = plan

  variables {
    function = { role_arn = "rotation" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_path_for_a_role_that_exists" {
  command = plan

  variables {
    function = { role_arn = "arn:aws:iam::123456789012:role/rotation", role_path = "/rotation/" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_path_without_slashes" {
  command = plan

  variables {
    function = { role_path = "rotation" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_runtime_that_lambda_gave_up" {
  command = plan

  variables {
    function = { runtime = "python3.9" }
  }

  expect_failures = [var.function]
}

run "function_refuses_more_than_a_quarter_of_an_hour" {
  command = plan

  variables {
    function = { timeout = 901 }
  }

  expect_failures = [var.function]
}

run "function_refuses_too_little_time_for_a_new_key" {
  command = plan

  variables {
    function = { timeout = 69 }
    rotation = { iam_access_key = { settling_seconds = 10, user_name = "uploader" } }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_tracing_mode_that_lambda_lacks" {
  command = plan

  variables {
    function = { tracing_mode = "active" }
  }

  expect_failures = [var.function]
}

run "function_refuses_a_vpc_without_a_security_group" {
  command = plan

  variables {
    function = { vpc = { security_group_ids = [], subnet_ids = ["subnet-1"] } }
  }

  expect_failures = [var.function]
}
