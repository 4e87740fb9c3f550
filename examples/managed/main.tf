# The password of a database's master user: RDS makes, keeps and rotates it, and this says when.

module "rotating_secret" {
  source = "../.."

  rotation = {
    managed = { secret_arn = aws_db_instance.reports.master_user_secret[0].secret_arn }
  }

  schedule_expression = "cron(0 3 ? * SUN *)"
}
