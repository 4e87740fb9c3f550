# The bucket that the key is for, and the application's permissions there.

data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "reports" {
  #checkov:skip=CKV2_AWS_61:The caller decides how long to keep reports
  #checkov:skip=CKV2_AWS_62:Nothing reacts to a new report
  #checkov:skip=CKV_AWS_144:The example uses one region
  #checkov:skip=CKV_AWS_145:The example uses AWS's own key
  #checkov:skip=CKV_AWS_18:The caller decides about access logs
  #checkov:skip=CKV_AWS_21:A lost report is written again
  bucket = "reports-${data.aws_caller_identity.current.account_id}"
}

resource "aws_s3_bucket_public_access_block" "reports" {
  bucket = aws_s3_bucket.reports.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_iam_user_policy" "uploader" {
  #checkov:skip=CKV_AWS_40:A group for a single user would hide its permissions
  name = "write-and-read-reports"
  user = aws_iam_user.uploader.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "WriteAndReadReports"
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:PutObject"]
      Resource = "${aws_s3_bucket.reports.arn}/reports/*"
    }]
  })
}
