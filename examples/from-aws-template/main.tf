# Takes over the secret of a PostgreSQL user that a function of AWS's template has rotated.

module "rotating_secret" {
  source = "../.."

  name = "app/database" # of the existing secret

  rotation = {
    postgres = {
      admin_secret_arn = var.administrator_secret_arn # masterarn in the secret
      ca_certificates  = var.ca_certificates
      host             = var.host # host in the secret
      mode             = "alternating_users"
      port             = var.port
      username         = "app" # the first user, without _clone
    }
  }

  # The network of the template's function.
  function = { vpc = var.vpc }

  schedule_expression     = "rate(30 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
