# When the secret rotates.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "reports/uploader"
}

run "schedule_duration_accepts_the_rest_of_the_day" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_duration   = "2h"
    schedule_expression = "cron(0 22 1 * ? *)"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].duration == "2h"
    error_message = "The window has another length."
  }
}

run "schedule_timezone_accepts_a_fast_cron" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(30 8 * * ? *)"
    schedule_timezone   = "Europe/Berlin"
  }

  assert {
    condition     = local.schedule_is_fast
    error_message = "Secrets Manager would read the expression in UTC."
  }
}

run "scheduler_accepts_names_and_half_an_hour" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
    scheduler           = { name = "half-hourly", role_path = "/rotation/" }
  }

  assert {
    condition     = local.schedule_is_fast && output.dead_letter_queue_arn != null
    error_message = "No schedule rotates the secret every half hour."
  }
  assert {
    condition     = output.schedule_role_arn == "arn:aws:iam::123456789012:role/rotation/half-hourly-8990786b"
    error_message = "The role is ${output.schedule_role_arn}."
  }
}
