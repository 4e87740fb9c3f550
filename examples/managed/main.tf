# The master password of a database. RDS creates and rotates it; this module sets the schedule.

module "rotating_secret" {
  source = "../.."

  rotation = {
    managed = { secret_arn = aws_db_instance.reports.master_user_secret[0].secret_arn }
  }

  schedule_expression = "cron(0 3 ? * SUN *)"
}
