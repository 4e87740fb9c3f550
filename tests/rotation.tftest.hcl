# How and when the secret rotates.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "reports/uploader"
}

run "minimum_overlap_minutes_accepts_none_at_all" {
  command = plan

  variables {
    minimum_overlap_minutes = 0
    rotation                = { iam_access_key = { user_name = "uploader" } }
  }

  assert {
    condition     = local.settings.minimum_overlap_minutes == 0
    error_message = "A retired key lives for ${local.settings.minimum_overlap_minutes} minutes."
  }
}

run "minimum_overlap_minutes_accepts_a_function_that_is_made" {
  command = plan

  variables {
    minimum_overlap_minutes = 5
    rotation                = { random_value = {} }
  }

  assert {
    condition     = local.settings.minimum_overlap_minutes == 5
    error_message = "The function is told of ${local.settings.minimum_overlap_minutes} minutes."
  }
}

run "minimum_overlap_minutes_accepts_less_than_the_rate" {
  command = plan

  variables {
    minimum_overlap_minutes = 239
    rotation                = { iam_access_key = { user_name = "uploader" } }
    schedule_expression     = "rate(4 hours)"
  }

  assert {
    condition     = local.settings.minimum_overlap_minutes == 239
    error_message = "A retired key lives for ${local.settings.minimum_overlap_minutes} minutes."
  }
}

run "minimum_overlap_minutes_refuses_a_negative_span" {
  command = plan

  variables {
    minimum_overlap_minutes = -1
    rotation                = { iam_access_key = { user_name = "uploader" } }
  }

  expect_failures = [var.minimum_overlap_minutes]
}

run "minimum_overlap_minutes_refuses_to_bind_an_existing_function" {
  command = plan

  variables {
    minimum_overlap_minutes = 60
    rotation                = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  expect_failures = [var.minimum_overlap_minutes]
}

run "minimum_overlap_minutes_refuses_as_long_as_the_rate" {
  command = plan

  variables {
    minimum_overlap_minutes = 240
    rotation                = { iam_access_key = { user_name = "uploader" } }
    schedule_expression     = "rate(4 hours)"
  }

  expect_failures = [var.minimum_overlap_minutes]
}

run "rotation_accepts_null" {
  command = plan

  assert {
    condition     = !output.rotation_enabled && length(aws_secretsmanager_secret_rotation.this) == 0
    error_message = "The secret rotates."
  }
}

run "rotation_accepts_iam_access_key_with_every_option" {
  command = plan

  variables {
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
      minimum_overlap_minutes = 60
      options = {
        adopted_access_key_id = "AKIAIOSFODNN7EXAMPLE"
        ses_smtp_region       = "eu-west-1"
        settling_seconds      = 0
        user_arn              = "arn:aws:iam::123456789012:user/apps/reports/up.loader_+=,@-1"
      }
      secret_arn_pattern = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-??????"
      strategy           = "iam_access_key"
    }
    error_message = "The function is told: ${jsonencode(local.settings)}."
  }
}

run "rotation_accepts_custom_with_every_option" {
  command = plan

  variables {
    rotation = {
      custom = {
        constants   = { realm = "reports" }
        environment = { SSL_CERT_FILE = "/opt/ca.pem" }
        issuer      = true
        options     = { host = "cache.internal" }
        slots       = 2
        source_file = "examples/custom/rotate.py"
        statements = {
          ReadTheAdministrator = {
            actions    = ["secretsmanager:GetSecretValue"]
            conditions = { StringEquals = { "aws:ResourceTag/team" = ["reports"] } }
            resource   = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:administrator-a1B2c3"
          }
        }
      }
    }
  }

  assert {
    condition = local.settings == {
      constants               = tomap({ realm = "reports" })
      minimum_overlap_minutes = 60
      options = {
        issuer  = true
        options = tomap({ host = "cache.internal" })
        slots   = 2
      }
      secret_arn_pattern = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-??????"
      strategy           = "custom"
    }
    error_message = "The function is told: ${jsonencode(local.settings)}."
  }
  assert {
    condition     = local.strategy.environment == tomap({ SSL_CERT_FILE = "/opt/ca.pem" })
    error_message = "The function has beside its settings: ${jsonencode(local.strategy.environment)}."
  }
  assert {
    condition     = local.strategy.files["custom_strategy.py"] == file("examples/custom/rotate.py")
    error_message = "The package has beside the module's own files: ${jsonencode(keys(local.strategy.files))}."
  }
  assert {
    condition     = local.strategy.statements[0].Condition.StringEquals["aws:ResourceTag/team"] == tolist(["reports"])
    error_message = "The role is granted: ${jsonencode(local.strategy.statements)}."
  }
}

run "rotation_refuses_a_file_that_is_not_there" {
  command = plan

  variables {
    rotation = { custom = { source_file = "rotate.py" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_slots_of_no_issuer" {
  command = plan

  variables {
    rotation = { custom = { slots = 2, source_file = "examples/custom/rotate.py" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_variable_that_is_lambdas_own" {
  command = plan

  variables {
    rotation = { custom = { environment = { AWS_REGION = "eu-west-2" }, source_file = "examples/custom/rotate.py" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_statement_of_the_module_itself" {
  command = plan

  variables {
    rotation = {
      custom = {
        source_file = "examples/custom/rotate.py"
        statements  = { DeliverLogs = { actions = ["logs:PutLogEvents"], resource = "arn:aws:logs:eu-west-1:123456789012:*" } }
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_actions_with_a_wildcard" {
  command = plan

  variables {
    rotation = {
      custom = {
        source_file = "examples/custom/rotate.py"
        statements  = { Everything = { actions = ["*"], resource = "arn:aws:s3:::reports" } }
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_more_than_the_environment_holds" {
  command = plan

  variables {
    rotation = { custom = { options = { list = join(",", range(1000)) }, source_file = "examples/custom/rotate.py" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_accepts_random_value_with_every_option" {
  command = plan

  variables {
    rotation = {
      random_value = {
        character_classes  = ["numbers", "lowercase"]
        constants          = { host = "db" }
        exclude_characters = "0o1l"
        json_key           = "password"
        length             = 8
      }
    }
  }

  assert {
    condition = local.settings == {
      constants               = tomap({ host = "db" })
      minimum_overlap_minutes = 60
      options = {
        character_classes  = toset(["lowercase", "numbers"])
        exclude_characters = "0o1l"
        json_key           = "password"
        length             = 8
      }
      secret_arn_pattern = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-??????"
      strategy           = "random_value"
    }
    error_message = "The function is told: ${jsonencode(local.settings)}."
  }
}

run "rotation_accepts_function_with_a_qualifier" {
  command = plan

  variables {
    rotation = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate:live" } }
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn == var.rotation.function.arn
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
    rotation = { function = { add_permission = false, arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  assert {
    condition     = length(aws_lambda_permission.existing) == 0
    error_message = "A permission is added to a function that has its own."
  }
}

run "rotation_accepts_github_app_token_with_every_option" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        api_url         = "https://github.example/api/v3"
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        constants       = { remote = "origin" }
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "write", issues = "read" }
        repositories    = ["reports", "ledger"]
        revoke_previous = true
      }
    }
  }

  assert {
    condition = local.settings.options == {
      api_url         = "https://github.example/api/v3"
      client_id       = "Iv23liAbCdEfGhIjKlMn"
      installation_id = 12345678
      kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      permissions     = tomap({ contents = "write", issues = "read" })
      repositories    = toset(["ledger", "reports"])
      revoke_previous = true
    }
    error_message = "The function is told ${jsonencode(local.settings.options)}."
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "rate(1 day)" && local.schedule_expression == "rate(30 minutes)"
    error_message = "The token is renewed at ${local.schedule_expression}."
  }
}

run "rotation_refuses_an_api_without_encryption" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        api_url         = "http://api.github.com"
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_client_id_with_a_space" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        client_id       = "my app"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_installation_without_a_number" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 0
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_app_key_that_is_an_alias" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:alias/app"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_token_without_permissions" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = {}
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_repository_with_its_owner" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["octo-org/reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_constant_in_the_place_of_the_token" {
  command = plan

  variables {
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        constants       = { token = "x" }
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.rotation]
}

run "minimum_overlap_minutes_refuses_to_lengthen_what_expires" {
  command = plan

  variables {
    minimum_overlap_minutes = 60
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.minimum_overlap_minutes]
}

run "minimum_overlap_minutes_refuses_an_age_that_ends_before_the_next_rotation" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        credential_age_days = 31
        service_name        = "bedrock.amazonaws.com"
        user_name           = "assistant"
      }
    }
  }

  expect_failures = [var.minimum_overlap_minutes]
}

run "minimum_overlap_minutes_accepts_an_age_that_outlives_a_week" {
  command = plan

  variables {
    rotation            = { iam_service_credential = { credential_age_days = 37, service_name = "bedrock.amazonaws.com", user_name = "assistant" } }
    schedule_expression = "cron(0 8 ? * MON *)"
  }

  assert {
    condition     = local.settings.options.credential_age_days == 37
    error_message = "A key lives for ${local.settings.options.credential_age_days} days."
  }
}

run "schedule_expression_refuses_to_outlast_a_token" {
  command = plan

  variables {
    schedule_expression = "rate(4 hours)"
    rotation = {
      github_app_token = {
        client_id       = "Iv23liAbCdEfGhIjKlMn"
        installation_id = 12345678
        kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        permissions     = { contents = "read" }
        repositories    = ["reports"]
      }
    }
  }

  expect_failures = [var.schedule_expression]
}

run "rotation_accepts_github_deploy_key_with_every_option" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        api_url           = "https://github.example/api/v3"
        constants         = { branch = "main" }
        key_type          = "rsa"
        read_only         = false
        repository        = "octo-org/reports"
        token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        token_secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  assert {
    condition = local.settings.options == {
      api_url          = "https://github.example/api/v3"
      key_type         = "rsa"
      read_only        = false
      repository       = "octo-org/reports"
      token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
    }
    error_message = "The function is told ${jsonencode(local.settings.options)}."
  }

  assert {
    condition = [for statement in local.strategy.statements : "${statement.Sid} ${statement.Resource}"] == [
      "ReadTheToken arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3",
      "DecryptTheToken arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ]
    error_message = "The function may ${jsonencode(local.strategy.statements)}."
  }

  assert {
    condition = local.strategy.statements[1].Condition == {
      StringEquals = {
        "kms:EncryptionContext:SecretARN" = ["arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"]
        "kms:ViaService"                  = ["secretsmanager.eu-west-1.amazonaws.com"]
      }
    }
    error_message = "The function may decrypt where ${jsonencode(local.strategy.statements[1].Condition)}."
  }
}

run "rotation_accepts_github_deploy_key_of_an_app" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        app = {
          client_id       = "Iv23liAbCdEfGhIjKlMn"
          installation_id = 12345678
          kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        }
        repository = "octo-org/reports"
      }
    }
  }

  assert {
    condition = local.settings.options == {
      api_url         = "https://api.github.com"
      client_id       = "Iv23liAbCdEfGhIjKlMn"
      installation_id = 12345678
      key_type        = "ed25519"
      kms_key_arn     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      read_only       = true
      repository      = "octo-org/reports"
    }
    error_message = "The function is told ${jsonencode(local.settings.options)}."
  }

  assert {
    condition     = [for statement in local.strategy.statements : statement.Sid] == ["SignForTheApp"]
    error_message = "The function may ${jsonencode(local.strategy.statements)}."
  }
}

run "rotation_refuses_a_deploy_key_that_nothing_adds" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        repository = "octo-org/reports"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_token_secret_by_its_name" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        repository       = "octo-org/reports"
        token_secret_arn = "github/token"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_token_key_by_its_alias" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        repository        = "octo-org/reports"
        token_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/token"
        token_secret_arn  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_key_type_that_github_gave_up" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        key_type         = "dsa"
        repository       = "octo-org/reports"
        token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_repository_without_its_owner" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        repository       = "reports"
        token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_constants_in_the_place_of_a_deploy_key" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        constants        = { private_key = "x" }
        repository       = "octo-org/reports"
        token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_token_secret_of_another_region" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"] }
    rotation = {
      github_deploy_key = {
        repository       = "octo-org/reports"
        token_secret_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}

run "function_refuses_a_deploy_key_without_a_layer" {
  command = plan

  variables {
    function = { layers = [] }
    rotation = {
      github_deploy_key = {
        repository       = "octo-org/reports"
        token_secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"
      }
    }
  }

  expect_failures = [var.function]
}

run "rotation_accepts_iam_service_credential_with_every_option" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
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
  }

  assert {
    condition = jsonencode(local.settings) == jsonencode({
      constants               = { region = "eu-west-1" }
      minimum_overlap_minutes = 60
      options = {
        adopted_credential_id = "ACCA1EXAMPLE1EXAMPLE1"
        credential_age_days   = 90
        endpoint              = "bedrock-fips.eu-west-1.amazonaws.com"
        service_name          = "bedrock.amazonaws.com"
        settling_seconds      = 0
        user_arn              = "arn:aws:iam::123456789012:user/apps/assistant"
      }
      secret_arn_pattern = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-??????"
      strategy           = "iam_service_credential"
    })
    error_message = "The function is told ${jsonencode(local.settings)}."
  }
}

run "rotation_accepts_iam_service_credential_of_keyspaces" {
  command = plan

  variables {
    rotation = { iam_service_credential = { service_name = "cassandra.amazonaws.com", user_name = "assistant" } }
  }

  assert {
    condition     = local.settings.options.endpoint == "cassandra.eu-west-1.amazonaws.com" && local.settings.options.credential_age_days == null
    error_message = "The function is told ${jsonencode(local.settings.options)}."
  }
}

run "rotation_accepts_iam_service_credential_of_codecommit" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = { repository = "reports", service_name = "codecommit.amazonaws.com", user_name = "assistant" }
    }
  }

  assert {
    condition     = local.settings.options.endpoint == "git-codecommit.eu-west-1.amazonaws.com" && local.settings.options.repository == "reports"
    error_message = "The function is told ${jsonencode(local.settings.options)}."
  }
}

run "rotation_refuses_a_path_in_the_name_of_a_credentials_user" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        service_name = "bedrock.amazonaws.com"
        user_name    = "apps/assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_wildcard_in_the_path_of_a_credentials_user" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        service_name = "bedrock.amazonaws.com"
        user_name    = "assistant"
        user_path    = "/*/"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_service_that_has_no_credentials" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        service_name = "s3.amazonaws.com"
        user_name    = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_codecommit_without_a_repository" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        service_name = "codecommit.amazonaws.com"
        user_name    = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_age_of_a_password" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        credential_age_days = 90
        service_name        = "cassandra.amazonaws.com"
        user_name           = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_endpoint_without_encryption" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        endpoint     = "http://bedrock.eu-west-1.amazonaws.com"
        service_name = "bedrock.amazonaws.com"
        user_name    = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_adopted_credential_that_is_none" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        adopted_credential_id = "assistant"
        service_name          = "bedrock.amazonaws.com"
        user_name             = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_more_than_a_minute_of_settling_of_a_credential" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        service_name     = "bedrock.amazonaws.com"
        settling_seconds = 61
        user_name        = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_constant_in_the_place_of_a_password" {
  command = plan

  variables {
    rotation = {
      iam_service_credential = {
        constants    = { ServicePassword = "x" }
        service_name = "bedrock.amazonaws.com"
        user_name    = "assistant"
      }
    }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_two_strategies" {
  command = plan

  variables {
    rotation = { iam_access_key = { user_name = "uploader" }, random_value = {} }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_function_without_its_arn" {
  command = plan

  variables {
    rotation = { function = { arn = "rotate" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_path_in_the_user_name" {
  command = plan

  variables {
    rotation = { iam_access_key = { user_name = "apps/uploader" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_wildcard_in_the_path" {
  command = plan

  variables {
    rotation = { iam_access_key = { user_name = "uploader", user_path = "/*/" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_adopted_key_that_is_none" {
  command = plan

  variables {
    rotation = { iam_access_key = { adopted_access_key_id = "uploader", user_name = "uploader" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_more_than_a_minute_of_settling" {
  command = plan

  variables {
    rotation = { iam_access_key = { settling_seconds = 61, user_name = "uploader" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_a_constant_that_sdks_read" {
  command = plan

  variables {
    rotation = { iam_access_key = { constants = { SessionToken = "x" }, user_name = "uploader" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_unknown_class" {
  command = plan

  variables {
    rotation = { random_value = { character_classes = ["letters"] } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_to_exclude_a_whole_class" {
  command = plan

  variables {
    rotation = { random_value = { exclude_characters = "0123456789<" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_seven_characters" {
  command = plan

  variables {
    rotation = { random_value = { length = 7 } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_an_empty_key" {
  command = plan

  variables {
    rotation = { random_value = { json_key = "" } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_constants_without_a_key_for_the_value" {
  command = plan

  variables {
    rotation = { random_value = { constants = { host = "db" } } }
  }

  expect_failures = [var.rotation]
}

run "rotation_refuses_constants_that_no_environment_holds" {
  command = plan

  variables {
    rotation = { iam_access_key = { constants = { a = format("%02048d", 0) }, user_name = "uploader" } }
  }

  expect_failures = [var.rotation]
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

run "schedule_duration_accepts_none_without_rotation" {
  command = plan

  variables {
    schedule_duration = null
  }

  assert {
    condition     = length(aws_secretsmanager_secret_rotation.this) == 0
    error_message = "The secret rotates."
  }
}

run "schedule_duration_refuses_to_come_without_rotation" {
  command = plan

  variables {
    schedule_duration = "2h"
  }

  expect_failures = [var.schedule_duration]
}

run "schedule_duration_refuses_a_window_beyond_the_day" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_duration   = "3h"
    schedule_expression = "cron(0 22 1 * ? *)"
  }

  expect_failures = [var.schedule_duration]
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

run "schedule_expression_accepts_none_without_rotation" {
  command = plan

  variables {
    schedule_expression = null
  }

  assert {
    condition     = length(aws_secretsmanager_secret_rotation.this) == 0
    error_message = "The secret rotates."
  }
}

run "schedule_expression_accepts_a_rate" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(4 hours)"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "rate(4 hours)"
    error_message = "The secret rotates by ${aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression}."
  }
}

run "schedule_expression_accepts_an_increment_of_hours" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(0 8/8 * * ? *)"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "cron(0 8/8 * * ? *)"
    error_message = "The secret rotates by ${aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression}."
  }
}

run "schedule_expression_accepts_a_day_of_the_week" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(0 0 ? * SUN#1 *)"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "cron(0 0 ? * SUN#1 *)"
    error_message = "The secret rotates by ${aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression}."
  }
}

run "schedule_expression_refuses_to_come_without_rotation" {
  command = plan

  variables {
    schedule_expression = "rate(4 hours)"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_expression_refuses_words" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "every day"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_expression_refuses_minutes_that_are_hours" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(240 minutes)"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_expression_refuses_a_cron_without_a_year" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(0 8 1 * ?)"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_expression_refuses_both_kinds_of_days" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(0 8 * * * *)"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_expression_accepts_half_an_hour" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
  }

  assert {
    condition     = local.schedule_is_fast && output.dead_letter_queue_arn != null
    error_message = "Nothing rotates the secret every half an hour."
  }
}

run "schedule_expression_accepts_a_minute_of_the_day" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(30 8 * * ? *)"
  }

  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression == "rate(2 days)"
    error_message = "The backstop is ${aws_secretsmanager_secret_rotation.this[0].rotation_rules[0].schedule_expression}."
  }
}

run "schedule_expression_refuses_less_than_ten_minutes" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(9 minutes)"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_expression_refuses_a_list_of_minutes" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(0,30 * * * ? *)"
  }

  expect_failures = [var.schedule_expression]
}

run "schedule_duration_refuses_a_fast_schedule" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_duration   = "1h"
    schedule_expression = "rate(30 minutes)"
  }

  expect_failures = [var.schedule_duration]
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

run "schedule_timezone_refuses_a_slow_schedule" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(0 8 * * ? *)"
    schedule_timezone   = "Europe/Berlin"
  }

  expect_failures = [var.schedule_timezone]
}

run "schedule_timezone_refuses_an_offset" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "cron(30 8 * * ? *)"
    schedule_timezone   = "+02:00"
  }

  expect_failures = [var.schedule_timezone]
}

run "scheduler_accepts_names" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
    scheduler           = { name = "half-hourly", role_path = "/rotation/" }
  }

  assert {
    condition     = output.schedule_role_arn == "arn:aws:iam::123456789012:role/rotation/half-hourly"
    error_message = "The role is ${output.schedule_role_arn}."
  }
}

run "scheduler_refuses_a_slow_schedule" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(4 hours)"
    scheduler           = {}
  }

  expect_failures = [var.scheduler]
}

run "scheduler_refuses_a_name_with_a_space" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
    scheduler           = { name = "half hourly" }
  }

  expect_failures = [var.scheduler]
}

run "scheduler_refuses_a_boundary_that_is_no_arn" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
    scheduler           = { permissions_boundary = "boundary" }
  }

  expect_failures = [var.scheduler]
}

run "scheduler_refuses_a_path_without_slashes" {
  command = plan

  variables {
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 minutes)"
    scheduler           = { role_path = "rotation" }
  }

  expect_failures = [var.scheduler]
}
