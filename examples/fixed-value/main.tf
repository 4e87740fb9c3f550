# A value that somebody else issues; Terraform hands it to AWS and keeps it nowhere.

module "rotating_secret" {
  source = "../.."

  name = "reports/licence"

  initial_value         = var.licence
  initial_value_version = 1

  recovery_window_in_days = var.recovery_window_in_days
}
