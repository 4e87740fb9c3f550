# Options of rotation.iam_service_credential that are accepted and refused.

variables {
  secret = "Secret reports/uploader"
  account = {
    dns_suffix = "amazonaws.com"
    id         = "123456789012"
    partition  = "aws"
    region     = "eu-west-1"
  }
}

run "accepts_keyspaces" {
  command = plan

  variables {
    options = { service_name = "cassandra.amazonaws.com", user_name = "assistant" }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options = {
        adopted_credential_id = null
        credential_age_days   = null
        endpoint              = "cassandra.eu-west-1.amazonaws.com"
        service_name          = "cassandra.amazonaws.com"
        settling_seconds      = 10
        user_arn              = "arn:aws:iam::123456789012:user/assistant"
      }
    })
    error_message = "These are the defaults."
  }
}

run "accepts_codecommit" {
  command = plan

  variables {
    options = { repository = "reports", service_name = "codecommit.amazonaws.com", user_name = "assistant" }
  }

  assert {
    condition     = output.strategy.settings.options.endpoint == "git-codecommit.eu-west-1.amazonaws.com" && output.strategy.settings.options.repository == "reports"
    error_message = "The function reads the repository to verify a credential."
  }
}

run "accepts_every_option_for_bedrock" {
  command = plan

  variables {
    options = {
      adopted_credential_id = "ACCA1EXAMPLE1EXAMPLE1"
      constants             = { region = "eu-west-1" }
      credential_age_days   = 90
      endpoint              = "bedrock-fips.eu-west-1.amazonaws.com"
      service_name          = "bedrock.amazonaws.com"
      settling_seconds      = 0
      user_name             = "assistant"
      user_path             = "/apps/"
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { region = "eu-west-1" }
      options = {
        adopted_credential_id = "ACCA1EXAMPLE1EXAMPLE1"
        credential_age_days   = 90
        endpoint              = "bedrock-fips.eu-west-1.amazonaws.com"
        service_name          = "bedrock.amazonaws.com"
        settling_seconds      = 0
        user_arn              = "arn:aws:iam::123456789012:user/apps/assistant"
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition     = output.strategy.statements[0].Condition.StringEquals["iam:ServiceSpecificCredentialServiceName"] == ["bedrock.amazonaws.com"]
    error_message = "The grant is limited to this service."
  }
  assert {
    condition     = output.strategy.expires_after_days == 90
    error_message = "The schedule must leave time before a key expires."
  }
}

run "refuses_a_repository_for_bedrock" {
  command = plan

  variables {
    options = { repository = "reports", service_name = "bedrock.amazonaws.com", user_name = "assistant" }
  }

  expect_failures = [var.options]
}

run "refuses_a_repository_that_is_a_path" {
  command = plan

  variables {
    options = { repository = "..", service_name = "codecommit.amazonaws.com", user_name = "assistant" }
  }

  expect_failures = [var.options]
}

run "refuses_an_age_of_half_a_day" {
  command = plan

  variables {
    options = { credential_age_days = 0.5, service_name = "bedrock.amazonaws.com", user_name = "assistant" }
  }

  expect_failures = [var.options]
}

run "refuses_a_port_above_65535" {
  command = plan

  variables {
    options = {
      endpoint     = "bedrock.internal:99999"
      service_name = "bedrock.amazonaws.com"
      user_name    = "assistant"
    }
  }

  expect_failures = [var.options]
}
