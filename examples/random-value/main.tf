# A random signing key, replaced every Sunday at 03:00 UTC.

module "rotating_secret" {
  source = "../.."

  name = "reports/signing"

  rotation = {
    random_value = {
      length    = 64
      json_key  = "signing_key"
      constants = { algorithm = "HS256" }
    }
  }

  schedule_expression     = "cron(0 3 ? * SUN *)"
  recovery_window_in_days = var.recovery_window_in_days
}
