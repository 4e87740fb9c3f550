# The function's role and its grants; none of them is made if the caller sets function.role_arn.

locals {
  _makes_role = var.function.role_arn == null
  role_arn    = local._makes_role ? "arn:${var.account.partition}:iam::${var.account.id}:role${var.function.role_path}${aws_iam_role.this[0].name}" : var.function.role_arn
}

# An earlier version gave the role the name of the function. Terraform would replace such a role, so it keeps its name until
# the name of the function changes.
resource "terraform_data" "role_name" {
  count = local._makes_role ? 1 : 0

  input = var.role_name
}

resource "aws_iam_role" "this" {
  count = local._makes_role ? 1 : 0

  name                 = var.role_name
  path                 = var.function.role_path
  description          = "Rotates ${var.secret_name}"
  permissions_boundary = var.function.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RunTheFunction"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })

  lifecycle {
    ignore_changes       = [name]
    replace_triggered_by = [terraform_data.role_name]
  }
}

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
resource "aws_iam_role_policy" "rotation" {
  count = local._makes_role ? 1 : 0

  name = "rotation"
  role = aws_iam_role.this[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid    = "RotateThisSecret"
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = var.secret_arn_pattern
      }],
      [for pattern in [var.secret_arn_pattern] : {
        Sid      = "FindAbandonedVersions"
        Effect   = "Allow"
        Action   = ["secretsmanager:ListSecretVersionIds"]
        Resource = pattern
      } if var.searches_versions],
      [for pattern in [var.secret_arn_pattern] : {
        Sid      = "RecordAnAttempt"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = pattern
        Condition = {
          "ForAllValues:StringEquals" = { "aws:TagKeys" = var.written_tags }
          Null                        = { "aws:TagKeys" = "false" }
        }
      } if length(var.written_tags) > 0],
      [for pattern in [var.secret_arn_pattern] : {
        Sid      = "AnswerTheReportOfALeak"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = pattern
        Condition = {
          "ForAllValues:StringEquals" = { "aws:TagKeys" = ["rotation-revocation"] }
          Null                        = { "aws:TagKeys" = "false" }
        }
      } if var.revocable],
      [for statement in var.statements : { for name, value in statement : name => value if value != null }],
      # Denies the code of another function that was given this role. Calls by Lambda itself, or by Secrets Manager for the
      # function, may have no source function. A Deny without the key has no effect, so it can't stop them.
      # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
      [{
        Sid      = "OnlyThisFunction"
        Effect   = "Deny"
        Action   = ["*"]
        Resource = "*"
        Condition = {
          ArnNotLike = { "lambda:SourceFunctionArn" = [local.planned_arn, "${local.planned_arn}:*"] }
          Null       = { "lambda:SourceFunctionArn" = "false" }
        }
      }],
    )
  })
}

# If the KMS key is created in the same apply, kms_key_arn is unknown at plan and can't decide a count. So this policy
# always exists; without a key it is a Deny placeholder.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
resource "aws_iam_role_policy" "key" {
  count = local._makes_role ? 1 : 0

  name = "key"
  role = aws_iam_role.this[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([{
      Sid      = var.kms_key_arn == null ? "NoCustomerKey" : "UseTheKeyOfThisSecret"
      Effect   = var.kms_key_arn == null ? "Deny" : "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = coalesce(var.kms_key_arn, "arn:${var.account.partition}:kms:${var.account.region}:${var.account.id}:key/none")
      Condition = {
        StringEquals = { "kms:ViaService" = jsondecode(var.secrets_manager) }
        StringLike   = { "kms:EncryptionContext:SecretARN" = var.secret_arn_pattern }
      }
      }], [for keys in [var.former_kms_key_arns] : {
      Sid      = "ReadUnderFormerKeys"
      Effect   = "Allow"
      Action   = ["kms:Decrypt"]
      Resource = keys
      Condition = {
        StringEquals = { "kms:ViaService" = jsondecode(var.secrets_manager) }
        StringLike   = { "kms:EncryptionContext:SecretARN" = var.secret_arn_pattern }
      }
    } if length(keys) > 0])
  })
}

# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
resource "aws_iam_role_policy" "logs" {
  count = local._makes_role ? 1 : 0

  name = "logs"
  role = aws_iam_role.this[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "DeliverLogs"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:/aws/lambda/${local.name}:*"
    }]
  })
}

locals {
  _connect = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
  ]
  _find = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
}

# The two Describe actions support no resource, and Lambda rejects the others for anything narrower than all resource IDs.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
locals {
  _network_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "FindTheSubnets"
        Effect   = "Allow"
        Action   = local._find
        Resource = "*"
      },
      {
        Sid    = "ConnectToTheSubnets"
        Effect = "Allow"
        Action = local._connect
        # A shared subnet belongs to another account.
        # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html
        Resource = "arn:${var.account.partition}:ec2:${var.account.region}:*:*/*"
      },
      # Lambda calls EC2 from outside the function; a call from the function's code has the ARN of the function.
      # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
      {
        Sid       = "LeaveTheNetworkToLambda"
        Effect    = "Deny"
        Action    = sort(concat(local._connect, local._find))
        Resource  = "*"
        Condition = { Null = { "lambda:SourceFunctionArn" = "false" } }
      },
    ]
  })
}

resource "aws_iam_role_policy" "network" {
  count = local._makes_role && var.function.vpc != null ? 1 : 0

  name   = "network"
  role   = aws_iam_role.this[0].name
  policy = local._network_policy
}

# Both actions support no resource.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
resource "aws_iam_role_policy" "tracing" {
  count = local._makes_role && var.function.tracing_mode == "Active" ? 1 : 0

  name = "tracing"
  role = aws_iam_role.this[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "DeliverTraces"
      Effect   = "Allow"
      Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      Resource = "*"
    }]
  })
}
