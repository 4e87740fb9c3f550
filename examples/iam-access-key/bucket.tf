# What the key is for: a bucket, and the least that the application may do there.

data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "reports" {
  #checkov:skip=CKV2_AWS_61:How long reports are kept is the caller's choice
  #checkov:skip=CKV2_AWS_62:Nothing waits for a report
  #checkov:skip=CKV_AWS_144:A second region would be a second example
  #checkov:skip=CKV_AWS_145:AWS encrypts with its own key; the secret is what this example is about
  #checkov:skip=CKV_AWS_18:CloudTrail logs who uses the key; a log of each request is the caller's choice
  #checkov:skip=CKV_AWS_21:A report is written again, not restored
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
