# The password of a PostgreSQL user. Two users take turns, so that an application sees no rotation.

module "rotating_secret" {
  source = "../.."

  name = "reports/database"

  rotation = {
    postgres = {
      admin_secret_arn = aws_db_instance.reports.master_user_secret[0].secret_arn
      dbname           = aws_db_instance.reports.db_name
      host             = aws_db_instance.reports.address
      mode             = "alternating_users"
      username         = "reports"
    }
  }

  function = {
    vpc = {
      security_group_ids = [aws_security_group.function.id]
      subnet_ids         = aws_subnet.private[*].id
    }
  }

  schedule_expression     = "rate(30 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
