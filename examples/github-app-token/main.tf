# A token of a GitHub App, replaced every 30 minutes. README.md explains how to create the App.

module "rotating_secret" {
  source = "../.."

  name = "reports/github"

  rotation = {
    github_app_token = {
      api_url         = var.api_url
      client_id       = var.client_id
      installation_id = var.installation_id
      kms_key_arn     = var.kms_key_arn
      permissions     = { contents = "read" }
      repositories    = ["reports"]
    }
  }

  schedule_expression     = "rate(30 minutes)"
  recovery_window_in_days = var.recovery_window_in_days
}
