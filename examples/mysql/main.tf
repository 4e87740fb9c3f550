# The password of a MySQL user. Two users take turns, so that an application sees no rotation.

module "rotating_secret" {
  source = "../.."

  name = "shop/database"

  rotation = {
    mysql = {
      admin_secret_arn = coalesce(var.administrator_secret_arn, aws_db_instance.this.master_user_secret[0].secret_arn)
      ca_certificates  = var.ca_certificates
      dbname           = aws_db_instance.this.db_name
      endpoint         = var.endpoint
      engine           = "mysql"
      host             = aws_db_instance.this.address
      mode             = "alternating_users"
      port             = var.port
      username         = "shop"
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
