# The traits of the strategy, which the root module reads.

locals {
  _user_arn = "arn:${var.account.partition}:iam::${var.account.id}:user${var.options.user_path}${var.options.user_name}"
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name              = "iam_access_key"
    core              = ["issuing.py"]
    exposed_user      = { arn = local._user_arn, name = var.options.user_name }
    former_owners     = [for name in var.options.former_user_names : "IAM user ${name}"]
    issuer            = true
    revocable         = true
    owner             = "IAM user ${var.options.user_name}"
    records_attempts  = true
    renamed_with      = "rotation.iam_access_key.former_user_names"
    rotates_on_change = [var.options.user_path]
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    retirement = {
      reactivate_with = "aws iam update-access-key --user-name ${var.options.user_name} --status Active --access-key-id"
      statements = [{
        Sid      = "DeactivateKeysOfThisUser"
        Effect   = "Allow"
        Action   = ["iam:UpdateAccessKey"]
        Resource = local._user_arn
      }]
      verifying_statements = [{
        Sid      = "ReadTheLastUseOfKeys"
        Effect   = "Allow"
        Action   = ["iam:GetAccessKeyLastUsed"]
        Resource = local._user_arn
      }]
    }
    searches_versions = true
    services          = ["iam.py"]
    settling_seconds  = var.options.settling_seconds
    settings = {
      constants = var.options.constants
      options = merge(concat(
        [{
          adopted_access_key_id = var.options.adopted_access_key_id
          ses_smtp_region       = var.options.ses_smtp ? var.account.region : null
          settling_seconds      = var.options.settling_seconds
          user_arn              = local._user_arn
        }],
        [for names in [var.options.former_user_names] : { former_user_names = names } if length(names) > 0],
      )...)
    }
    audit_statements = [{
      Sid      = "ListKeysOfThisUser"
      Effect   = "Allow"
      Action   = ["iam:ListAccessKeys"]
      Resource = local._user_arn
    }]
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    statements = [{
      Sid      = "RotateKeysOfThisUser"
      Effect   = "Allow"
      Action   = ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys"]
      Resource = local._user_arn
    }]
  }
}
