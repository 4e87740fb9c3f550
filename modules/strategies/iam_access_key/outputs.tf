# The traits of the strategy, which the root module reads.

locals {
  _user_arn = "arn:${var.account.partition}:iam::${var.account.id}:user${var.options.user_path}${var.options.user_name}"
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name              = "iam_access_key"
    issuer            = true
    records_attempts  = true
    searches_versions = true
    services          = ["iam.py"]
    settling_seconds  = var.options.settling_seconds
    settings = {
      constants = var.options.constants
      options = {
        adopted_access_key_id = var.options.adopted_access_key_id
        ses_smtp_region       = var.options.ses_smtp ? var.account.region : null
        settling_seconds      = var.options.settling_seconds
        user_arn              = local._user_arn
      }
    }
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    statements = [{
      Sid      = "RotateKeysOfThisUser"
      Effect   = "Allow"
      Action   = ["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys"]
      Resource = local._user_arn
    }]
  }
}
