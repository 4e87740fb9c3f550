# The existing function. In your account, another root module or another team may own it.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  function_name = "rotate-sessions"

  place        = "${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  function_arn = "arn:${data.aws_partition.current.partition}:lambda:${local.place}:function:${local.function_name}"
}

data "archive_file" "rotate" {
  type        = "zip"
  output_path = "${path.root}/.terraform/${local.function_name}.zip"

  source {
    content  = file("${path.module}/function/rotate.py")
    filename = "rotate.py"
  }
}

resource "aws_lambda_function" "rotate" {
  #checkov:skip=CKV_AWS_50:An example without tracing is shorter
  #checkov:skip=CKV_AWS_115:Reserved concurrency would reduce the account's pool
  #checkov:skip=CKV_AWS_116:Secrets Manager invokes the function synchronously, so a dead-letter queue would stay empty
  #checkov:skip=CKV_AWS_117:The function calls nothing in a VPC
  #checkov:skip=CKV_AWS_272:The package is built on the caller's machine, where nothing signs it
  function_name    = local.function_name
  role             = aws_iam_role.rotate.arn
  filename         = data.archive_file.rotate.output_path
  source_code_hash = data.archive_file.rotate.output_base64sha256
  handler          = "rotate.handler"
  runtime          = "python3.13"
  timeout          = 30

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.rotate.name
  }

  depends_on = [aws_iam_role_policy.rotate]
}

resource "aws_cloudwatch_log_group" "rotate" {
  #checkov:skip=CKV_AWS_158:The function logs no value
  name              = "/aws/lambda/${local.function_name}"
  retention_in_days = 365
}

resource "aws_iam_role" "rotate" {
  name = local.function_name

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "rotate" {
  name = "rotate"
  role = aws_iam_role.rotate.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "RotateTheSecretsThatUseThisFunction"
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource  = "*"
        Condition = { StringEquals = { "secretsmanager:resource/AllowRotationLambdaArn" = local.function_arn } }
      },
      {
        Sid      = "DeliverLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.rotate.arn}:*"
      },
    ]
  })
}
