# One row per strategy: what its function is told, and what its role may do beside the secret.

locals {
  # `issuer`: the service makes the credential, so that no first value can be given and the previous one has to be retired.
  # `settings`: null where the module makes no function.
  _rows = {
    function = [for options in var.rotation[*].function : {
      issuer     = false
      settings   = null
      statements = []
    } if options != null]

    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    iam_access_key = [for options in var.rotation[*].iam_access_key : {
      issuer = true
      settings = {
        constants = options.constants
        options = {
          adopted_access_key_id = options.adopted_access_key_id
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

    random_value = [for options in var.rotation[*].random_value : {
      issuer = false
      settings = {
        constants = options.constants
        options = {
          character_classes  = options.character_classes
          exclude_characters = options.exclude_characters
          json_key           = options.json_key
          length             = options.length
        }
      }
      statements = []
    } if options != null]
  }

  strategy = one([for name, rows in local._rows : merge(rows[0], { name = name }) if length(rows) == 1])

  # What validations ask of a strategy, and what they say they found.
  issues          = local.strategy == null ? false : local.strategy.issuer
  makes_function  = local.strategy == null ? false : local.strategy.settings != null
  _strategy_found = local.strategy == null ? "no rotation" : "the strategy ${local.strategy.name}"
}
