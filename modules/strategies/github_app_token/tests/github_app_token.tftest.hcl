# Options of rotation.github_app_token that are accepted and refused.

variables {
  account = {
    partition = "aws"
    region    = "eu-west-1"
  }
  secret = "Secret reports/uploader"
  options = {
    client_id       = "Iv23liAbCdEfGhIjKlMn"
    installation_id = 12345678
    kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    permissions     = { contents = "read" }
    repositories    = ["reports"]
  }
}

run "accepts_what_is_required" {
  command = plan

  assert {
    condition     = output.strategy.settings.options.api_url == "https://api.github.com" && !output.strategy.settings.options.revoke_previous
    error_message = "These are the defaults."
  }
  assert {
    condition     = output.strategy.expires_after_minutes == 60
    error_message = "A token expires after an hour."
  }
}

run "accepts_every_option" {
  command = plan

  variables {
    options = {
      api_url         = "https://github.internal/api/v3"
      client_id       = "Iv23liAbCdEfGhIjKlMn"
      constants       = { remote = "origin" }
      installation_id = 12345678
      kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      permissions     = { contents = "read", issues = "write" }
      repositories    = ["reports", "ledger"]
      revoke_previous = true
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { remote = "origin" }
      options = {
        api_url         = "https://github.internal/api/v3"
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read", issues = "write" }
        repositories    = ["ledger", "reports"]
        revoke_previous = true
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition     = output.strategy.statements[0].Resource == "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    error_message = "The function may sign with the App's key."
  }
}

run "refuses_501_repositories" {
  command = plan

  variables {
    options = {
      client_id       = "Iv23liAbCdEfGhIjKlMn"
      installation_id = 12345678
      kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      permissions     = { contents = "read" }
      repositories    = [for number in range(501) : "repository-${number}"]
    }
  }

  expect_failures = [var.options]
}

run "refuses_no_permission" {
  command = plan

  variables {
    options = {
      client_id       = "Iv23liAbCdEfGhIjKlMn"
      installation_id = 12345678
      kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      permissions     = {}
      repositories    = ["reports"]
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_port_above_65535" {
  command = plan

  variables {
    options = {
      api_url         = "https://github.example:65536/api/v3"
      client_id       = "Iv23liAbCdEfGhIjKlMn"
      installation_id = 12345678
      kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      permissions     = { contents = "read" }
      repositories    = ["reports"]
    }
  }

  expect_failures = [var.options]
}
