# An SSH key that can read one repository. README.md explains how to create the App and the layer.

module "rotating_secret" {
  source = "../.."

  name = "reports/deploy-key"

  rotation = {
    github_deploy_key = {
      api_url = var.api_url
      app = {
        client_id       = var.client_id
        installation_id = var.installation_id
        kms_key_arn     = var.kms_key_arn
      }
      repository = "octo-org/reports"
    }
  }

  # Lambda's runtime doesn't include the library that generates key pairs.
  function = { layers = [aws_lambda_layer_version.cryptography.arn] }

  schedule_expression     = "rate(30 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
