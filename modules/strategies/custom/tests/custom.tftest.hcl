# Options of rotation.custom that are accepted and refused.

variables {
  secret  = "Secret reports/uploader"
  options = { source_file = "../../../examples/custom/rotate.py" }
}

run "accepts_a_file_alone" {
  command = plan

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options   = { issuer = false, options = {}, slots = null }
    })
    error_message = "These are the defaults."
  }
  assert {
    condition     = !output.strategy.issuer && !output.strategy.records_attempts && !output.strategy.searches_versions
    error_message = "Without issuer, the function makes the value."
  }
}

run "accepts_every_option" {
  command = plan

  variables {
    options = {
      constants   = { realm = "reports" }
      environment = { SSL_CERT_FILE = "/opt/ca.pem" }
      issuer      = true
      options     = { host = "cache.internal" }
      slots       = 2
      source_file = "../../../examples/custom/rotate.py"
      statements = {
        ReadTheAdministrator = {
          actions    = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
          conditions = { StringEquals = { "aws:ResourceTag/team" = ["reports"] } }
          resource   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:administrator-a1B2c3"
        }
      }
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { realm = "reports" }
      options   = { issuer = true, options = { host = "cache.internal" }, slots = 2 }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition     = output.strategy.environment == tomap({ SSL_CERT_FILE = "/opt/ca.pem" })
    error_message = "The function has the environment variables."
  }
  assert {
    condition     = output.strategy.files["custom_strategy.py"] == file("../../../examples/custom/rotate.py")
    error_message = "The package has the file."
  }
  assert {
    condition = jsonencode(output.strategy.statements) == jsonencode([{
      Sid       = "ReadTheAdministrator"
      Effect    = "Allow"
      Action    = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:administrator-a1B2c3"
      Condition = { StringEquals = { "aws:ResourceTag/team" = ["reports"] } }
    }])
    error_message = "The role has the statements, with their actions sorted."
  }
  assert {
    condition     = output.strategy.issuer && output.strategy.records_attempts && output.strategy.searches_versions
    error_message = "An issuer with slots records its attempts."
  }
}

run "refuses_a_file_without_build" {
  command = plan

  variables {
    options = { source_file = "variables.tf" }
  }

  expect_failures = [var.options]
}

run "refuses_slots_without_issuer" {
  command = plan

  variables {
    options = { slots = 2, source_file = "../../../examples/custom/rotate.py" }
  }

  expect_failures = [var.options]
}

run "refuses_a_fraction_of_a_slot" {
  command = plan

  variables {
    options = { issuer = true, slots = 2.5, source_file = "../../../examples/custom/rotate.py" }
  }

  expect_failures = [var.options]
}

run "refuses_the_modules_own_environment_variable" {
  command = plan

  variables {
    options = { environment = { ROTATION_SETTINGS = "{}" }, source_file = "../../../examples/custom/rotate.py" }
  }

  expect_failures = [var.options]
}

run "refuses_a_sid_with_a_hyphen" {
  command = plan

  variables {
    options = {
      source_file = "../../../examples/custom/rotate.py"
      statements  = { Read-it = { actions = ["secretsmanager:GetSecretValue"], resource = "*" } }
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_statement_without_actions" {
  command = plan

  variables {
    options = {
      source_file = "../../../examples/custom/rotate.py"
      statements  = { ReadIt = { actions = [], resource = "*" } }
    }
  }

  expect_failures = [var.options]
}
