# Options that all databases accept and refuse.

variables {
  account = {
    partition             = "aws"
    region                = "eu-west-1"
    secrets_manager_hosts = ["secretsmanager.eu-west-1.amazonaws.com"]
  }
  database = { port = 5432, strategy = "some_database", title = "Some database" }
  secret   = "Secret reports/database"
}

run "accepts_a_database_without_a_name" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = null
      admin_secret_arn   = null
      ca_certificates    = null
      constants          = {}
      dbname             = null
      endpoint           = null
      exclude_characters = ":/@"
      hash_password      = true
      host               = "db"
      mode               = "single_user"
      password_length    = 32
      port               = 5432
      username           = "reports"
    }
  }

  assert {
    condition     = !contains(keys(output.strategy.settings.options), "dbname") && output.strategy.owner == "Some database user reports of db"
    error_message = "The function has no null among its options."
  }
}

run "accepts_two_certificates" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = null
      admin_secret_arn   = null
      ca_certificates    = "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n-----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----"
      constants          = {}
      dbname             = null
      endpoint           = null
      exclude_characters = ":/@"
      hash_password      = true
      host               = "db"
      mode               = "single_user"
      password_length    = 32
      port               = 5432
      username           = "reports"
    }
  }

  assert {
    condition     = length(output.strategy.files["database_ca.pem"]) > 0
    error_message = "The package has both."
  }
}

run "refuses_a_key_among_the_certificates" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = null
      admin_secret_arn   = null
      ca_certificates    = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----"
      constants          = {}
      dbname             = null
      endpoint           = null
      exclude_characters = ":/@"
      hash_password      = true
      host               = "db"
      mode               = "single_user"
      password_length    = 32
      port               = 5432
      username           = "reports"
    }
  }

  expect_failures = [var.options]
}

run "refuses_half_a_certificate" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = null
      admin_secret_arn   = null
      ca_certificates    = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nMIIC\n"
      constants          = {}
      dbname             = null
      endpoint           = null
      exclude_characters = ":/@"
      hash_password      = true
      host               = "db"
      mode               = "single_user"
      password_length    = 32
      port               = 5432
      username           = "reports"
    }
  }

  expect_failures = [var.options]
}

run "refuses_no_characters" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = null
      admin_secret_arn   = null
      ca_certificates    = null
      constants          = {}
      dbname             = null
      endpoint           = null
      exclude_characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
      hash_password      = true
      host               = "db"
      mode               = "single_user"
      password_length    = 32
      port               = 5432
      username           = "reports"
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_host_with_a_port" {
  command = plan

  variables {
    options = {
      admin_kms_key_arn  = null
      admin_secret_arn   = null
      ca_certificates    = null
      constants          = {}
      dbname             = null
      endpoint           = null
      exclude_characters = ":/@"
      hash_password      = true
      host               = "db.internal:5432"
      mode               = "single_user"
      password_length    = 32
      port               = 5432
      username           = "reports"
    }
  }

  expect_failures = [var.options]
}
