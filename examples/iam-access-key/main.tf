# An application's access key that renews itself; neither a person nor the state ever sees it.

resource "aws_iam_user" "uploader" {
  #checkov:skip=CKV_AWS_273:A key that renews itself is what this example is about; people sign in otherwise
  name          = "uploader"
  force_destroy = true # Terraform did not make the keys, and would not delete the user over them.
}

module "rotating_secret" {
  source = "../.."

  name = "reports/uploader"

  rotation = {
    iam_access_key = {
      user_name        = aws_iam_user.uploader.name
      settling_seconds = var.settling_seconds
      constants        = { bucket = aws_s3_bucket.reports.bucket }
    }
  }

  schedule_expression     = "rate(30 days)"
  minimum_overlap_minutes = var.minimum_overlap_minutes
  recovery_window_in_days = var.recovery_window_in_days
}
