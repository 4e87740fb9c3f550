# The traits of the strategy, which the root module reads.

locals {
  _statements = concat(
    # Limits kms:Sign to what a GitHub App JWT needs: RS256 over a raw message.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    [for app in var.options.app[*] : {
      Sid      = "SignForTheApp"
      Effect   = "Allow"
      Action   = ["kms:Sign"]
      Resource = app.kms_key_arn
      Condition = {
        StringEquals = { "kms:MessageType" = ["RAW"], "kms:SigningAlgorithm" = ["RSASSA_PKCS1_V1_5_SHA_256"] }
      }
    }],
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
    [for arn in [var.options.token_secret_arn] : {
      Sid      = "ReadTheToken"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = arn
    } if var.options.app == null],
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    [for arn in var.options.token_kms_key_arn[*] : {
      Sid      = "DecryptTheToken"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = arn
      Condition = {
        StringEquals = {
          "kms:EncryptionContext:SecretARN" = [var.options.token_secret_arn]
          "kms:ViaService"                  = var.account.secrets_manager_hosts
        }
      }
    }],
  )
}

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name      = "github_deploy_key"
    core      = ["issuing.py"]
    issuer    = true
    revocable = true
    library   = "cryptography"
    owner     = "repository ${lower(var.options.repository)} at ${var.options.api_url}"
    rotates_on_change = [jsonencode([
      var.options.app, var.options.key_type, var.options.read_only, var.options.token_kms_key_arn, var.options.token_secret_arn,
    ])]
    searches_versions = true
    services          = ["github/*.py", "https.py", "tls.py"]
    settings = {
      constants = var.options.constants
      options = merge(concat(
        [{
          api_url    = var.options.api_url
          key_type   = var.options.key_type
          read_only  = var.options.read_only
          repository = var.options.repository
        }],
        [for app in var.options.app[*] : {
          client_id       = app.client_id
          installation_id = app.installation_id
          kms_key_arn     = app.kms_key_arn
        }],
        [for arn in [var.options.token_secret_arn] : { token_secret_arn = arn } if var.options.app == null],
      )...)
    }
    audit_statements = local._statements # To list keys takes the same token.
    statements       = local._statements
  }
}
