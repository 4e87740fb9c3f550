# An IAM user's access key that rotates every 30 days.

resource "aws_iam_user" "uploader" {
  #checkov:skip=CKV_AWS_273:This example rotates the access key of an IAM user; the user is for an application, not for a person
  name          = "uploader"
  force_destroy = true # Without this, Terraform can't delete a user that has keys.
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
