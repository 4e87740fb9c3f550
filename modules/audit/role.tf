# The role of the audit's function. It reads, and changes nothing unless an option lets it rotate.

resource "aws_iam_role" "this" {
  name                 = var.name
  path                 = var.function.role_path
  description          = "Audits ${var.secret_name}"
  permissions_boundary = var.function.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RunTheAudit"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "audit" {
  name = "audit"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "ReadThisSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        Resource = var.secret_arn_pattern
      }],
      # RotateSecret requires both of its caller.
      # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
      [for pattern in [var.secret_arn_pattern] : {
        Sid      = "StartTheRotation"
        Effect   = "Allow"
        Action   = ["secretsmanager:RotateSecret"]
        Resource = pattern
      } if var.rotates],
      [for arn in [var.rotation_function_arn] : {
        Sid      = "HaveTheFunctionInvoked"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = arn
      } if var.rotates],
      [for arn in var.topic_arn[*] : {
        Sid      = "Notify"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = arn
      }],
      [for statement in var.statements : { for name, value in statement : name => value if value != null }],
      # Denies the code of another function that was given this role; see modules/function.
      # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
      [{
        Sid      = "OnlyThisFunction"
        Effect   = "Deny"
        Action   = ["*"]
        Resource = "*"
        Condition = {
          ArnNotLike = { "lambda:SourceFunctionArn" = [local.arn, "${local.arn}:*"] }
          Null       = { "lambda:SourceFunctionArn" = "false" }
        }
      }],
    )
  })
}

# A key of the same apply is unknown at plan and can't decide a count. So this policy always exists; without a key it is a
# Deny placeholder.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
resource "aws_iam_role_policy" "keys" {
  name = "keys"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = var.kms_key_arn == null ? "NoCustomerKey" : "DecryptThisSecret"
        Effect   = var.kms_key_arn == null ? "Deny" : "Allow"
        Action   = ["kms:Decrypt"]
        Resource = coalesce(var.kms_key_arn, "arn:${var.account.partition}:kms:${var.account.region}:${var.account.id}:key/none")
        Condition = {
          StringEquals = { "kms:ViaService" = jsondecode(var.secrets_manager) }
          StringLike   = { "kms:EncryptionContext:SecretARN" = var.secret_arn_pattern }
        }
      }],
      [for keys in [var.former_kms_key_arns] : {
        Sid      = "ReadUnderFormerKeys"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = keys
        Condition = {
          StringEquals = { "kms:ViaService" = jsondecode(var.secrets_manager) }
          StringLike   = { "kms:EncryptionContext:SecretARN" = var.secret_arn_pattern }
        }
      } if length(keys) > 0],
      # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
      [for arn in var.topic_kms_key_arn[*] : {
        Sid      = "UseTheKeyOfTheTopic"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:sns:topicArn" = var.topic_arn
            "kms:ViaService"                         = [for suffix in distinct(["amazonaws.com", var.account.dns_suffix]) : "sns.${var.account.region}.${suffix}"]
          }
        }
      }],
    )
  })
}

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
resource "aws_iam_role_policy" "logs" {
  name = "logs"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "DeliverLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:/aws/lambda/${var.name}:*"
    }]
  })
}

resource "aws_iam_role_policy" "network" {
  count = var.function.vpc == null ? 0 : 1

  name   = "network"
  role   = aws_iam_role.this.name
  policy = var.network_policy
}
