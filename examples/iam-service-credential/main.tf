# An API key of Amazon Bedrock, for an application that can't assume a role.

module "rotating_secret" {
  source = "../.."

  name = "reports/assistant"

  rotation = {
    iam_service_credential = {
      credential_age_days = 90
      endpoint            = var.endpoint
      service_name        = "bedrock.amazonaws.com"
      settling_seconds    = var.settling_seconds
      user_name           = aws_iam_user_policy.assistant.user # Waits for the policy: without it, Bedrock rejects every key.
    }
  }

  schedule_expression     = "rate(30 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
