# A signing key with metrics on a dashboard, whose owner gets an email about each rotation that goes wrong, and about each that succeeds.

module "rotating_secret" {
  source = "../.."

  name                    = "reports/signing"
  metrics                 = true
  notifications           = { dashboard = true, include_successes = true }
  rotation                = { random_value = {} }
  schedule_expression     = "cron(0 3 ? * SUN *)"
  recovery_window_in_days = var.recovery_window_in_days
}

resource "aws_sns_topic_subscription" "owner" {
  endpoint  = var.email
  protocol  = "email"
  topic_arn = module.rotating_secret.notification_topic_arn
}
