# The traits that the strategies for databases have in common.

locals {
  # Without a look at the ARN where it must be set: it is unknown at plan if the same apply makes the administrator.
  _admins = [for arn in [var.options.admin_secret_arn] : arn if var.options.mode == "alternating_users" ? true : arn != null]
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf of the root module describes each trait."
  value = {
    name  = var.database.strategy
    core  = ["setting.py", "users.py"]
    files = { for text in [var.options.ca_certificates] : "database_ca.pem" => text if text != null }
    # With two users, the next rotation changes the one that was current before.
    overlaps = var.options.mode == "alternating_users"
    owner    = "${var.database.title} user ${var.options.username} of ${lower(var.options.host)}"
    rotates_on_change = [jsonencode([
      var.options.admin_kms_key_arn, var.options.admin_secret_arn, try(coalesce(var.options.dbname, var.database.dbname), null),
      var.options.endpoint, var.options.hash_password, var.options.mode, var.options.port,
      [for text in [var.options.ca_certificates] : sha256(text) if text != null],
    ])]
    revocable = true
    # An administrator changes the password without knowing it.
    searches_versions = var.options.mode == "single_user" && length(local._admins) == 0
    services          = ["certificates.py", "database.py", "tls.py"]
    settings = {
      constants = var.options.constants
      options = merge(concat(
        [{
          exclude_characters = var.options.exclude_characters
          hash_password      = var.options.hash_password
          host               = var.options.host
          mode               = var.options.mode
          password_length    = var.options.password_length
          port               = var.options.port
          username           = var.options.username
        }],
        [for arn in local._admins : { admin_secret_arn = arn }],
        [for name in [var.options.dbname] : { dbname = name } if name != null],
        [for host in [var.options.endpoint] : { endpoint = host } if host != null],
      )...)
    }
    statements = concat(
      # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
      [for arn in local._admins : {
        Sid      = "ReadTheAdministrator"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = arn
      }],
      # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
      [for arn in [var.options.admin_kms_key_arn] : {
        Sid      = "DecryptTheAdministrator"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:SecretARN" = [var.options.admin_secret_arn]
            "kms:ViaService"                  = var.account.secrets_manager_hosts
          }
        }
      } if arn != null],
    )
  }
}
