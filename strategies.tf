# One row per strategy: what its function is told, and what its role may do beside the secret.

locals {
  # Of a JSON web token, and of nothing else that the key could sign.
  # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
  _sign = {
    Effect = "Allow"
    Action = ["kms:Sign"]
    Condition = {
      StringEquals = { "kms:MessageType" = ["RAW"], "kms:SigningAlgorithm" = ["RSASSA_PKCS1_V1_5_SHA_256"] }
    }
  }

  # https://docs.aws.amazon.com/bedrock/latest/userguide/endpoints.html
  # https://docs.aws.amazon.com/codecommit/latest/userguide/regions.html
  # https://docs.aws.amazon.com/keyspaces/latest/devguide/programmatic.endpoints.html
  _service_hosts = {
    "bedrock.amazonaws.com"    = "bedrock"
    "cassandra.amazonaws.com"  = "cassandra"
    "codecommit.amazonaws.com" = "git-codecommit"
  }

  _rows = {
    custom = [for options in var.rotation[*].custom : {
      environment       = options.environment
      files             = { "custom_strategy.py" = file(options.source_file) }
      issuer            = options.issuer
      records_attempts  = options.slots != null
      searches_versions = options.issuer
      settings = {
        constants = options.constants
        options = {
          issuer  = options.issuer
          options = options.options
          slots   = options.slots
        }
      }
      statements = [for sid, statement in options.statements : merge(
        { Sid = sid, Effect = "Allow", Action = sort(statement.actions), Resource = statement.resource },
        length(statement.conditions) > 0 ? { Condition = statement.conditions } : {},
      )]
    } if options != null]

    function = [for options in var.rotation[*].function : {
      existing_function = options
    } if options != null]

    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
    github_app_token = [for options in var.rotation[*].github_app_token : {
      expires_after_minutes = 60
      issuer                = true
      settings = {
        constants = options.constants
        options = {
          api_url         = options.api_url
          client_id       = options.client_id
          installation_id = options.installation_id
          kms_key_arn     = options.kms_key_arn
          permissions     = options.permissions
          repositories    = options.repositories
          revoke_previous = options.revoke_previous
        }
      }
      statements = [merge({ Sid = "SignForTheApp", Resource = options.kms_key_arn }, local._sign)]
    } if options != null]

    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    github_deploy_key = [for options in var.rotation[*].github_deploy_key : {
      issuer            = true
      library           = "cryptography"
      searches_versions = true
      settings = {
        constants = options.constants
        options = merge(concat(
          [{
            api_url    = options.api_url
            key_type   = options.key_type
            read_only  = options.read_only
            repository = options.repository
          }],
          [for app in options.app[*] : {
            client_id       = app.client_id
            installation_id = app.installation_id
            kms_key_arn     = app.kms_key_arn
          }],
          [for arn in [options.token_secret_arn] : { token_secret_arn = arn } if options.app == null],
        )...)
      }
      statements = concat(
        [for app in options.app[*] : merge({ Sid = "SignForTheApp", Resource = app.kms_key_arn }, local._sign)],
        [for arn in [options.token_secret_arn] : {
          Sid      = "ReadTheToken"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = arn
        } if options.app == null],
        [for arn in options.token_kms_key_arn[*] : {
          Sid      = "DecryptTheToken"
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = arn
          Condition = {
            StringEquals = {
              "kms:EncryptionContext:SecretARN" = [options.token_secret_arn]
              "kms:ViaService"                  = [local.secrets_manager]
            }
          }
        }],
      )
    } if options != null]

    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    iam_access_key = [for options in var.rotation[*].iam_access_key : {
      issuer            = true
      records_attempts  = true
      searches_versions = true
      settling_seconds  = options.settling_seconds
      settings = {
        constants = options.constants
        options = {
          adopted_access_key_id = options.adopted_access_key_id
          ses_smtp_region       = options.ses_smtp ? local.region : null
          settling_seconds      = options.settling_seconds
          user_arn              = "${local.iam_prefix}:user${options.user_path}${options.user_name}"
        }
      }
      statements = [{
        Sid      = "RotateKeysOfThisUser"
        Effect   = "Allow"
        Action   = ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys"]
        Resource = "${local.iam_prefix}:user${options.user_path}${options.user_name}"
      }]
    } if options != null]

    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    iam_service_credential = [for options in var.rotation[*].iam_service_credential : {
      expires_after_days = options.credential_age_days
      issuer             = true
      records_attempts   = true
      searches_versions  = true
      settling_seconds   = options.settling_seconds
      settings = {
        constants = options.constants
        options = merge(concat(
          [{
            adopted_credential_id = options.adopted_credential_id
            credential_age_days   = options.credential_age_days
            endpoint              = options.endpoint != null ? options.endpoint : "${lookup(local._service_hosts, options.service_name, "")}.${local.domain}"
            service_name          = options.service_name
            settling_seconds      = options.settling_seconds
            user_arn              = "${local.iam_prefix}:user${options.user_path}${options.user_name}"
          }],
          [for repository in options.repository[*] : { repository = repository }],
        )...)
      }
      # What lists them knows no key by which it could be narrowed to one service.
      statements = [
        {
          Sid       = "RotateCredentialsForThisService"
          Effect    = "Allow"
          Action    = ["iam:CreateServiceSpecificCredential", "iam:DeleteServiceSpecificCredential"]
          Resource  = "${local.iam_prefix}:user${options.user_path}${options.user_name}"
          Condition = { StringEquals = { "iam:ServiceSpecificCredentialServiceName" = [options.service_name] } }
        },
        {
          Sid      = "ListCredentialsOfThisUser"
          Effect   = "Allow"
          Action   = ["iam:ListServiceSpecificCredentials"]
          Resource = "${local.iam_prefix}:user${options.user_path}${options.user_name}"
        },
      ]
    } if options != null]

    managed = [for options in var.rotation[*].managed : {
      existing_secret_arn = options.secret_arn
      issuer              = true
      makes_secret        = false
    } if options != null]

    random_value = [for options in var.rotation[*].random_value : {
      value_form = { json_key = options.json_key }
      settings = {
        constants = options.constants
        options = {
          character_classes  = options.character_classes
          exclude_characters = options.exclude_characters
          json_key           = options.json_key
          length             = options.length
        }
      }
    } if options != null]
  }

  # The traits of a strategy, each with the value where a strategy doesn't set it.
  _traits = {
    # Environment variables of the function, besides ROTATION_SETTINGS.
    environment = {}
    # The function that the caller has made: { arn, add_permission }.
    existing_function = null
    # ARN of the secret that an AWS service has made; unknown at plan if the same apply makes it.
    existing_secret_arn = null
    # Each credential expires after this time, even if nothing rotates any more.
    expires_after_days    = null
    expires_after_minutes = null
    # Files of the function's package, besides the module's own.
    files = {}
    # The service makes the credential: no first value can be given, and the previous credential must be retired.
    issuer = false
    # A Python library that the function imports and Lambda's runtime doesn't include.
    library = null
    # Whether the module makes the secret.
    makes_secret = true
    # The service limits the number of credentials: the function records each attempt in a tag of the secret.
    records_attempts = false
    # The service can list the credentials: the function compares the list with all versions of the secret.
    searches_versions = false
    # The function's settings: { constants, options }; null if the module makes no function.
    settings = null
    # How long a new credential must be accepted before it becomes current.
    settling_seconds = 0
    # IAM statements of the function's role, besides the grants on the secret.
    statements = []
    # The form of each value: text under json_key of a JSON object, or plain text if json_key is null; null allows any form.
    value_form = null
  }

  strategy = one([for name, rows in local._rows : merge(local._traits, rows[0], { name = name }) if length(rows) == 1])

  # What validations ask of a strategy, and what they say they found.
  expires         = local.strategy == null ? false : local.strategy.expires_after_minutes != null
  issues          = local.strategy == null ? false : local.strategy.issuer
  makes_function  = local.strategy == null ? false : local.strategy.settings != null
  makes_secret    = local.strategy == null ? true : local.strategy.makes_secret
  _strategy_found = local.strategy == null ? "no rotation" : "the strategy ${local.strategy.name}"
}
