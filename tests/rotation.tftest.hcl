# How the secret rotates.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "reports/uploader"
}

run "minimum_overlap_minutes_accepts_less_than_the_interval" {
  command = plan

  variables {
    minimum_overlap_minutes = 179
    rotation                = { iam_access_key = { user_name = "uploader" } }
    schedule_expression     = "rate(4 hours)"
  }

  assert {
    condition     = local.settings.minimum_overlap_minutes == 179
    error_message = "A previous key stays valid for ${local.settings.minimum_overlap_minutes} minutes."
  }
}

run "rotation_accepts_null" {
  command = plan

  assert {
    condition     = !output.rotation_enabled && length(aws_secretsmanager_secret_rotation.this) == 0
    error_message = "The secret rotates."
  }
  assert {
    condition     = length(aws_secretsmanager_secret_policy.this) == 0
    error_message = "Without readers, there is a policy: ${jsonencode(aws_secretsmanager_secret_policy.this[*].policy)}."
  }
}

run "rotation_accepts_iam_access_key_with_every_option" {
  command = plan

  variables {
    minimum_overlap_minutes = 0
    rotation = {
      iam_access_key = {
        adopted_access_key_id = "AKIAIOSFODNN7EXAMPLE"
        constants             = { bucket = "reports" }
        ses_smtp              = true
        settling_seconds      = 0
        user_name             = "up.loader_+=,@-1"
        user_path             = "/apps/reports/"
      }
    }
  }

  assert {
    condition = local.settings == {
      constants               = tomap({ bucket = "reports" })
      minimum_overlap_minutes = 0
      options = {
        adopted_access_key_id = "AKIAIOSFODNN7EXAMPLE"
        ses_smtp_region       = "eu-west-1"
        settling_seconds      = 0
        user_arn              = "arn:aws:iam::123456789012:user/apps/reports/up.loader_+=,@-1"
      }
      secret_arn_pattern = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-??????"
      strategy           = one([for name, options in var.rotation : name if options != null])
    }
    error_message = "The function reads: ${jsonencode(local.settings)}."
  }
}

run "rotation_accepts_function_with_a_qualifier" {
  command = plan

  variables {
    rotation = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live" } }
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn == "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live"
    error_message = "Another function rotates: ${aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn}."
  }
  assert {
    condition     = aws_lambda_permission.existing["this"].qualifier == "live"
    error_message = "The permission is for ${coalesce(aws_lambda_permission.existing["this"].qualifier, "the function without qualifier")}."
  }
}

run "rotation_accepts_function_without_a_permission" {
  command = plan

  variables {
    alarm_actions = []
    rotation      = { function = { add_permission = false, arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  assert {
    condition     = length(aws_lambda_permission.existing) == 0
    error_message = "A permission is added to a function that has its own."
  }
}

run "minimum_overlap_minutes_accepts_an_age_of_more_than_a_week" {
  command = plan

  variables {
    rotation            = { iam_service_credential = { credential_age_days = 37, service_name = "bedrock.amazonaws.com", user_name = "assistant" } }
    schedule_expression = "cron(0 8 ? * MON *)"
  }

  assert {
    condition     = local.settings.options.credential_age_days == 37
    error_message = "A key is valid for ${local.settings.options.credential_age_days} days."
  }
}
