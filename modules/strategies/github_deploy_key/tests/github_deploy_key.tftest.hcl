# Options of rotation.github_deploy_key that are accepted and refused.

variables {
  account = {
    partition             = "aws"
    region                = "eu-west-1"
    secrets_manager_hosts = ["secretsmanager.eu-west-1.amazonaws.com"]
  }
  secret = "Secret reports/uploader"
}

run "accepts_an_app" {
  command = plan

  variables {
    options = {
      app = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      }
      repository = "octo-org/reports"
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options = {
        api_url         = "https://api.github.com"
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        key_type        = "ed25519"
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        read_only       = true
        repository      = "octo-org/reports"
      }
    })
    error_message = "These are the defaults."
  }
  assert {
    condition     = output.strategy.statements[*].Sid == ["SignForTheApp"]
    error_message = "The function may sign with the App's key, and no more."
  }
  assert {
    condition     = output.strategy.library == "cryptography"
    error_message = "Lambda's runtime doesn't include the library that makes key pairs."
  }
}

run "accepts_every_option_with_a_token" {
  command = plan

  variables {
    options = {
      api_url           = "https://github.example/api/v3"
      constants         = { branch = "main" }
      key_type          = "rsa"
      read_only         = false
      repository        = "octo-org/reports"
      token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      token_secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { branch = "main" }
      options = {
        api_url          = "https://github.example/api/v3"
        key_type         = "rsa"
        read_only        = false
        repository       = "octo-org/reports"
        token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition = [for statement in output.strategy.statements : "${statement.Sid} ${statement.Resource}"] == [
      "ReadTheToken arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3",
      "DecryptTheToken arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ]
    error_message = "The function may read and decrypt the token."
  }
  assert {
    condition = output.strategy.statements[1].Condition == {
      StringEquals = {
        "kms:EncryptionContext:SecretARN" = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"]
        "kms:ViaService"                  = tolist(["secretsmanager.eu-west-1.amazonaws.com"])
      }
    }
    error_message = "The key decrypts this secret alone, through Secrets Manager."
  }
}

run "refuses_neither_an_app_nor_a_token" {
  command = plan

  variables {
    options = { repository = "octo-org/reports" }
  }

  expect_failures = [var.options]
}

run "refuses_the_key_of_a_token_together_with_an_app" {
  command = plan

  variables {
    options = {
      app = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      }
      repository        = "octo-org/reports"
      token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_repository_with_git" {
  command = plan

  variables {
    options = {
      repository       = "octo-org/reports.git"
      token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_repository_that_is_a_path" {
  command = plan

  variables {
    options = {
      repository       = "octo-org/.."
      token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_port_above_65535" {
  command = plan

  variables {
    options = {
      api_url          = "https://github.example:99999/api/v3"
      repository       = "octo-org/reports"
      token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
    }
  }

  expect_failures = [var.options]
}
