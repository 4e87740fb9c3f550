# The traits of the strategy, which the root module reads.

output "strategy" {
  description = "Traits, settings and IAM statements of the strategy; strategies.tf describes each trait."
  value = {
    name                  = "github_app_token"
    core                  = ["issuing.py"]
    expires_after_minutes = 60
    issuer                = true
    revocable             = true
    owner                 = "installation ${var.options.installation_id} at ${var.options.api_url}"
    rotates_on_change = [
      var.options.client_id, var.options.kms_key_arn, jsonencode(var.options.permissions), jsonencode(var.options.repositories),
    ]
    services = ["github/{__init__,api,errors}.py", "https.py", "tls.py"]
    settings = {
      constants = var.options.constants
      options = {
        api_url         = var.options.api_url
        client_id       = var.options.client_id
        installation_id = var.options.installation_id
        kms_key_arn     = var.options.kms_key_arn
        permissions     = var.options.permissions
        repositories    = var.options.repositories
        revoke_previous = var.options.revoke_previous
      }
    }
    # Limits kms:Sign to RS256 over a raw message, as a GitHub App's JWT needs. KMS can't compare the message, so the role
    # can sign any JWT of the App, also for other installations and repositories.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awskeymanagementservice.html
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    statements = [{
      Sid      = "SignForTheApp"
      Effect   = "Allow"
      Action   = ["kms:Sign"]
      Resource = var.options.kms_key_arn
      Condition = {
        StringEquals = { "kms:MessageType" = ["RAW"], "kms:SigningAlgorithm" = ["RSASSA_PKCS1_V1_5_SHA_256"] }
      }
    }]
  }
}
