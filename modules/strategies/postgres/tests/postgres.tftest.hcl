# Options of rotation.postgres that are accepted and refused.

variables {
  account = {
    partition             = "aws"
    region                = "eu-west-1"
    secrets_manager_hosts = ["secretsmanager.eu-west-1.amazonaws.com"]
  }
  secret = "Secret reports/database"
}

run "accepts_a_single_user_without_an_administrator" {
  command = plan

  variables {
    options = { host = "DB.internal", mode = "single_user", username = "reports" }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options = {
        exclude_characters = ":/@\"'\\ "
        hash_password      = true
        host               = "DB.internal"
        mode               = "single_user"
        password_length    = 32
        port               = 5432
        username           = "reports"
      }
    })
    error_message = "These are the defaults."
  }
  assert {
    condition     = output.strategy.owner == "PostgreSQL user reports of db.internal"
    error_message = "Host names have no upper case."
  }
  assert {
    condition     = output.strategy.searches_versions && !output.strategy.overlaps && length(output.strategy.statements) == 0
    error_message = "The user changes its own password, so the function looks for the one that the server knows."
  }
  assert {
    condition     = contains(jsondecode(output.strategy.rotates_on_change[0]), "postgres")
    error_message = "The function connects to postgres, so writing that as dbname rotates nothing."
  }
  assert {
    condition     = output.strategy.files == {}
    error_message = "The function trusts the authorities of the runtime."
  }
}

run "accepts_every_option_of_alternating_users" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      admin_secret_arn   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
      ca_certificates    = "An authority\n-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----\n"
      constants          = { dbInstanceIdentifier = "reports" }
      dbname             = "reports"
      endpoint           = "127.0.0.1"
      exclude_characters = ""
      hash_password      = false
      host               = "reports.a1b2c3d4e5f6.eu-west-1.rds.amazonaws.com"
      mode               = "alternating_users"
      password_length    = 64
      port               = 6432
      username           = "Üser \"1\""
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { dbInstanceIdentifier = "reports" }
      options = {
        admin_secret_arn   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
        dbname             = "reports"
        endpoint           = "127.0.0.1"
        exclude_characters = ""
        hash_password      = false
        host               = "reports.a1b2c3d4e5f6.eu-west-1.rds.amazonaws.com"
        mode               = "alternating_users"
        password_length    = 64
        port               = 6432
        username           = "Üser \"1\""
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition = [for statement in output.strategy.statements : "${statement.Sid} ${statement.Resource}"] == [
      "ReadTheAdministrator arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3",
      "DecryptTheAdministrator arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ]
    error_message = "The function may read and decrypt the administrator's secret, and may do nothing in RDS."
  }
  assert {
    condition = jsonencode(output.strategy.statements[1].Condition) == jsonencode({
      StringEquals = {
        "kms:EncryptionContext:SecretARN" = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"]
        "kms:ViaService"                  = ["secretsmanager.eu-west-1.amazonaws.com"]
      }
    })
    error_message = "The key decrypts this secret alone, through Secrets Manager."
  }
  assert {
    condition     = output.strategy.overlaps && !output.strategy.searches_versions
    error_message = "The next rotation ends the previous password."
  }
  assert {
    condition     = keys(output.strategy.files) == ["database_ca.pem"]
    error_message = "The function trusts this file alone."
  }
}

run "accepts_the_longest_names" {
  command = plan

  variables {
    options = {
      admin_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
      dbname           = join("", [for _ in range(21) : "€"])
      host             = "db"
      mode             = "alternating_users"
      username         = join("", [for _ in range(19) : "€"])
    }
  }

  assert {
    condition     = length(output.strategy.settings.options.username) == 19
    error_message = "It has 57 bytes."
  }
}

run "refuses_an_empty_name" {
  command = plan

  variables {
    options = { host = "db", mode = "single_user", username = "" }
  }

  expect_failures = [var.options]
}

run "refuses_the_character_nul" {
  command = plan

  variables {
    options = { dbname = "reports\u0000", host = "db", mode = "single_user", username = "reports" }
  }

  expect_failures = [var.options]
}
