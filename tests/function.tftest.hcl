# The function that the module makes, and the alarm for its failures.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "reports/uploader"
  rotation = { random_value = {} }
}

run "function_accepts_every_option" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
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
      vpc                            = { security_group_ids = ["sg-0123456789abcdef0"], subnet_ids = ["subnet-0123456789abcdef0"] }
    }
  }

  assert {
    condition     = output.function_name == "rotate-uploader"
    error_message = "The function has another name: ${output.function_name}."
  }
  assert {
    condition     = output.function_role_arn == "arn:aws:iam::123456789012:role/rotation/rotate-uploader-d5c25c59"
    error_message = "Its role has another ARN: ${output.function_role_arn}."
  }
}

# The same name in another region must make another role.
run "name_has_a_role_for_each_region" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "eu-central-1" }
  }
  variables {
    function = { name = "rotate-uploader", role_path = "/rotation/" }
  }

  assert {
    condition     = output.function_role_arn == "arn:aws:iam::123456789012:role/rotation/rotate-uploader-e1e0eb58"
    error_message = "Its role has another ARN: ${output.function_role_arn}."
  }
}

run "function_accepts_no_option" {
  command = plan

  assert {
    condition     = output.function_name == "rotate-reports-uploader-930766b9"
    error_message = "The function has another name: ${output.function_name}."
  }
  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "rate(30 days)"
    error_message = "The secret rotates by ${aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression}."
  }
}

run "function_accepts_an_existing_role_and_the_shortest_timeout_for_a_new_key" {
  command = plan

  variables {
    function = { role_arn = "arn:aws:iam::123456789012:role/apps/rotation", timeout = 70 }
    rotation = { iam_access_key = { user_name = "uploader", settling_seconds = 10 } }
  }

  assert {
    condition     = output.function_role_name == "rotation"
    error_message = "The function has another role: ${output.function_role_name}."
  }
}

run "environment_accepts_4096_bytes" {
  command = plan

  variables {
    rotation = { random_value = { constants = { region = format("%03712d", 0) }, json_key = "password" } }
  }

  assert {
    condition     = output.rotation_enabled
    error_message = "The secret doesn't rotate."
  }
}

run "environment_refuses_4097_bytes" {
  command = plan

  variables {
    rotation = { random_value = { constants = { region = format("%03713d", 0) }, json_key = "password" } }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}

run "environment_refuses_characters_of_three_bytes" {
  command = plan

  variables {
    rotation = { random_value = { constants = { region = replace(format("%02000d", 0), "0", "€") }, json_key = "password" } }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}
