# Replaces an access key that was created by hand, without a failed request.

data "aws_iam_user" "uploader" {
  user_name = "uploader"
}

module "rotating_secret" {
  source = "../.."

  name = "reports/uploader"

  rotation = {
    iam_access_key = {
      user_name             = data.aws_iam_user.uploader.user_name
      user_path             = data.aws_iam_user.uploader.path
      adopted_access_key_id = var.adopted_access_key_id
      settling_seconds      = var.settling_seconds
    }
  }

  schedule_expression     = "rate(30 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
