# A secret around a rotation function that exists; this one stands in function.tf and may serve many secrets.

module "rotating_secret" {
  source = "../.."

  name = "reports/session"

  rotation = {
    function = { arn = aws_lambda_function.rotate.arn }
  }

  schedule_expression     = "rate(1 day)"
  recovery_window_in_days = var.recovery_window_in_days
}
