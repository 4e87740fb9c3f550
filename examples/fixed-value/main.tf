# A value that you provide. Terraform sends it to AWS and doesn't store it.

module "rotating_secret" {
  source = "../.."

  name = "reports/licence"

  initial_value         = var.licence
  initial_value_version = 1

  recovery_window_in_days = var.recovery_window_in_days
}
