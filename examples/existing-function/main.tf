# A secret that an existing rotation function rotates. Here that function is in function.tf.

module "rotating_secret" {
  source = "../.."

  name = "reports/session"

  rotation = {
    function = { arn = aws_lambda_function.rotate.arn }
  }

  schedule_expression     = "rate(1 day)"
  recovery_window_in_days = var.recovery_window_in_days
}
