# The password of a MariaDB user, on a server of your own. The user keeps its name, and gets a new password.

module "rotating_secret" {
  source = "../.."

  name = "stock/database"

  rotation = {
    mysql = {
      admin_secret_arn = var.administrator_secret_arn
      ca_certificates  = var.ca_certificates
      dbname           = "reports"
      endpoint         = var.endpoint
      engine           = "mariadb"
      host             = var.host
      mode             = "single_user"
      port             = var.port
      username         = "stock"
    }
  }

  function = { vpc = var.vpc }

  schedule_expression     = "rate(30 days)"
  recovery_window_in_days = var.recovery_window_in_days
}
