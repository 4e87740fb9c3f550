# The password of a Redis user, rotated by your own file rotate.py.

module "rotating_secret" {
  source = "../.."

  name = "reports/cache"

  rotation = {
    custom = {
      source_file = "${path.module}/rotate.py"
      options = {
        administrator_secret_arn = var.administrator_secret_arn
        host                     = var.host
        port                     = var.port
        user                     = "cache"
      }
      statements = {
        ReadTheAdministrator = {
          actions  = ["secretsmanager:GetSecretValue"]
          resource = var.administrator_secret_arn
        }
      }
    }
  }

  schedule_expression     = "rate(7 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
