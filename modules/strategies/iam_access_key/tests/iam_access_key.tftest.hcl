# Options of rotation.iam_access_key that are accepted and refused.

variables {
  secret = "Secret reports/uploader"
  account = {
    id        = "123456789012"
    partition = "aws"
    region    = "eu-west-1"
  }
}

run "accepts_a_user_alone" {
  command = plan

  variables {
    options = { user_name = "uploader" }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options = {
        adopted_access_key_id = null
        ses_smtp_region       = null
        settling_seconds      = 10
        user_arn              = "arn:aws:iam::123456789012:user/uploader"
      }
    })
    error_message = "These are the defaults."
  }
}

run "accepts_every_option" {
  command = plan

  variables {
    options = {
      adopted_access_key_id = "AKIAIOSFODNN7EXAMPLE"
      constants             = { bucket = "reports" }
      ses_smtp              = true
      settling_seconds      = 60
      user_name             = "uploader"
      user_path             = "/apps/"
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { bucket = "reports" }
      options = {
        adopted_access_key_id = "AKIAIOSFODNN7EXAMPLE"
        ses_smtp_region       = "eu-west-1"
        settling_seconds      = 60
        user_arn              = "arn:aws:iam::123456789012:user/apps/uploader"
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition     = output.strategy.statements[0].Resource == "arn:aws:iam::123456789012:user/apps/uploader"
    error_message = "The grant is limited to this user."
  }
  assert {
    condition     = output.strategy.settling_seconds == 60
    error_message = "The function needs this time to verify a key."
  }
}

run "refuses_a_policy_variable_in_the_path" {
  command = plan

  variables {
    options = { user_name = "uploader", user_path = "/$${aws:username}/" }
  }

  expect_failures = [var.options]
}

run "refuses_to_adopt_a_temporary_key" {
  command = plan

  variables {
    options = { user_name = "uploader", adopted_access_key_id = "ASIAIOSFODNN7EXAMPLE" }
  }

  expect_failures = [var.options]
}
