# Options of rotation.managed that are accepted and refused.

variables {
  account = {
    partition = "aws"
    id        = "123456789012"
    region    = "eu-west-1"
  }
  secret = "Secret reports/uploader"
}

run "accepts_the_secret_of_a_database" {
  command = plan

  variables {
    options = { secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3" }
  }

  assert {
    condition     = output.strategy.existing_secret_arn == "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
    error_message = "The module rotates this secret."
  }
  assert {
    condition     = !output.strategy.makes_secret
    error_message = "The module makes no secret of its own."
  }
}

run "refuses_a_name" {
  command = plan

  variables {
    options = { secret_arn = "rds!db-0e1f2a3b" }
  }

  expect_failures = [var.options]
}

run "refuses_no_secret" {
  command = plan

  variables {
    options = { secret_arn = null }
  }

  expect_failures = [var.options]
}

run "refuses_another_account" {
  command = plan

  variables {
    options = { secret_arn = "arn:aws:secretsmanager:eu-west-1:210987654321:secret:rds!db-0e1f2a3b-a1B2c3" }
  }

  expect_failures = [var.options]
}
