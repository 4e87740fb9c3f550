# Options of rotation.mysql that are accepted and refused.

variables {
  account = {
    partition             = "aws"
    region                = "eu-west-1"
    secrets_manager_hosts = ["secretsmanager.eu-west-1.amazonaws.com"]
  }
  secret = "Secret reports/database"
}

run "accepts_a_single_user_of_mysql" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "DB.internal"
      mode     = "single_user"
      username = "reports"
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = {}
      options = {
        engine             = "mysql"
        exclude_characters = ":/@\"'\\ "
        hash_password      = true
        host               = "DB.internal"
        mode               = "single_user"
        password_length    = 32
        port               = 3306
        username           = "reports"
      }
    })
    error_message = "These are the defaults."
  }
  assert {
    condition     = output.strategy.owner == "MySQL user reports of db.internal"
    error_message = "Host names have no upper case."
  }
  assert {
    condition     = output.strategy.overlaps && output.strategy.searches_versions && length(output.strategy.statements) == 0
    error_message = "The next rotation ends the older of two passwords, and the user changes its own."
  }
}

run "accepts_a_single_user_of_mariadb" {
  command = plan

  variables {
    options = {
      engine        = "mariadb"
      hash_password = false
      host          = "db"
      mode          = "single_user"
      username      = "reports"
    }
  }

  assert {
    condition     = !output.strategy.overlaps && output.strategy.searches_versions
    error_message = "The user changes its own password, so the function looks for the one that the server knows."
  }
  assert {
    condition     = output.strategy.owner == "MariaDB user reports of db"
    error_message = "The owner has the product."
  }
}

run "accepts_every_option_of_alternating_users" {
  command = plan

  variables {
    options = {
      admin_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
      constants        = { dbInstanceIdentifier = "reports" }
      dbname           = "reports"
      endpoint         = "127.0.0.1"
      engine           = "mysql"
      host             = "db"
      mode             = "alternating_users"
      port             = 13306
      user_host        = "10.0.0.0/255.255.255.0"
      username         = "Üser \"1\""
    }
  }

  assert {
    condition = jsonencode(output.strategy.settings) == jsonencode({
      constants = { dbInstanceIdentifier = "reports" }
      options = {
        admin_secret_arn   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
        dbname             = "reports"
        endpoint           = "127.0.0.1"
        engine             = "mysql"
        exclude_characters = ":/@\"'\\ "
        hash_password      = true
        host               = "db"
        mode               = "alternating_users"
        password_length    = 32
        port               = 13306
        user_host          = "10.0.0.0/255.255.255.0"
        username           = "Üser \"1\""
      }
    })
    error_message = "The function reads every option."
  }
  assert {
    condition     = output.strategy.overlaps && !output.strategy.searches_versions
    error_message = "The next rotation ends the previous password."
  }
}

run "accepts_the_longest_names" {
  command = plan

  variables {
    options = {
      admin_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
      dbname           = join("", [for _ in range(32) : "x\u0301"])
      engine           = "mysql"
      host             = "db"
      mode             = "alternating_users"
      username         = join("", [for _ in range(13) : "x\u0301"])
    }
  }

  assert {
    condition     = length(output.strategy.settings.options.username) == 13
    error_message = "MySQL counts 26 characters, two for each accented letter here."
  }
}

run "refuses_a_name_that_is_too_long" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "db"
      mode     = "single_user"
      username = join("", [for _ in range(17) : "x\u0301"])
    }
  }

  expect_failures = [var.options]
}

run "refuses_an_empty_name" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "db"
      mode     = "single_user"
      username = ""
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_blank_at_the_end" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "db"
      mode     = "single_user"
      username = "reports "
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_blank_at_the_beginning" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "db"
      mode     = "single_user"
      username = " reports"
    }
  }

  expect_failures = [var.options]
}

run "refuses_a_letter_of_four_bytes" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "db"
      mode     = "single_user"
      username = "rep😀rts"
    }
  }

  expect_failures = [var.options]
}

run "refuses_the_character_nul" {
  command = plan

  variables {
    options = {
      engine   = "mysql"
      host     = "db"
      mode     = "single_user"
      username = "rep\u0000rts"
    }
  }

  expect_failures = [var.options]
}
