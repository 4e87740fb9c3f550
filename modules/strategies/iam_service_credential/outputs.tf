# The traits of the strategy, which the root module reads.

locals {
  _user_arn = "arn:${var.account.partition}:iam::${var.account.id}:user${var.options.user_path}${var.options.user_name}"
}

locals {
  # It has no condition key that limits it to one service.
  # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
  _list = {
    Sid      = "ListCredentialsOfThisUser"
    Effect   = "Allow"
    Action   = ["iam:ListServiceSpecificCredentials"]
    Resource = local._user_arn
  }
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name               = "iam_service_credential"
    core               = ["issuing.py"]
    expires_after_days = var.options.credential_age_days
    former_owners      = [for name in var.options.former_user_names : "IAM user ${name} for ${var.options.service_name}"]
    issuer             = true
    revocable          = true
    owner              = "IAM user ${var.options.user_name} for ${var.options.service_name}"
    records_attempts   = true
    renamed_with       = "rotation.iam_service_credential.former_user_names"
    rotates_on_change  = compact([var.options.endpoint, var.options.repository, var.options.user_path])
    searches_versions  = true
    services           = ["https.py", "iam.py", "login/*.py", "tls.py"]
    settling_seconds   = var.options.settling_seconds
    settings = {
      constants = var.options.constants
      options = merge(concat(
        [{
          adopted_credential_id = var.options.adopted_credential_id
          credential_age_days   = var.options.credential_age_days
          endpoint              = var.options.endpoint != null ? var.options.endpoint : "${local._hosts[var.options.service_name]}.${var.account.region}.${var.account.dns_suffix}"
          service_name          = var.options.service_name
          settling_seconds      = var.options.settling_seconds
          user_arn              = local._user_arn
        }],
        [for names in [var.options.former_user_names] : { former_user_names = names } if length(names) > 0],
        [for repository in var.options.repository[*] : { repository = repository }],
      )...)
    }
    audit_statements = [local._list]
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    statements = [
      {
        Sid       = "RotateCredentialsForThisService"
        Effect    = "Allow"
        Action    = ["iam:CreateServiceSpecificCredential", "iam:DeleteServiceSpecificCredential"]
        Resource  = local._user_arn
        Condition = { StringEquals = { "iam:ServiceSpecificCredentialServiceName" = [var.options.service_name] } }
      },
      local._list,
    ]
  }
}
