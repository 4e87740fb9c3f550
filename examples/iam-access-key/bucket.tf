# What the key is for: a bucket, and the least that the application may do there.

data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "reports" {
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
  #checkov:skip=CKV_AWS_40:A group for one user would only hide what it may do
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
