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

run "schedule_expression_accepts_null_for_thirty_days" {
  command = plan

  variables {
    rotation = { random_value = {} }
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "rate(30 days)"
    error_message = "The secret rotates by ${aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression}."
  }
}

run "schedule_expression_accepts_null_without_rotation" {
  command = plan

  variables {
    schedule_expression = null
  }

  assert {
    condition     = length(aws_secretsmanager_secret_rotation.this) == 0
    error_message = "The secret rotates."
  }
}

run "schedule_expression_accepts_half_an_hour" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
  }

  assert {
    condition     = local.schedule_is_fast && output.dead_letter_queue_arn != null
    error_message = "No schedule rotates the secret every half hour."
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

run "scheduler_accepts_names" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
    scheduler           = { name = "half-hourly", role_path = "/rotation/" }
  }

  assert {
    condition     = output.schedule_role_arn == "arn:aws:iam::123456789012:role/rotation/half-hourly-8990786b"
    error_message = "The role is ${output.schedule_role_arn}."
  }
}
