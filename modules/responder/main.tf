# The function that reports a leak when EventBridge sends an event about it, its rules, its role and its log group.

locals {
  _source     = "${path.module}/../../lambda"
  planned_arn = "arn:${var.account.partition}:lambda:${var.account.region}:${var.account.id}:function:${var.name}"
  role_arn    = "arn:${var.account.partition}:iam::${var.account.id}:role${var.function.role_path}${aws_iam_role.this.name}"

  # AWS Health reports the exposed keys of all users of the account. Anyone else must name the secret.
  # https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
  _patterns = merge(
    var.user == null ? {} : { health = {
      source        = ["aws.health"]
      "detail-type" = ["AWS Health Event"]
      detail        = { service = ["RISK"], eventTypeCode = ["AWS_RISK_CREDENTIALS_EXPOSED"] }
    } },
    var.sources == null ? {} : { custom = {
      source        = sort(var.sources)
      "detail-type" = ["Credential leaked"]
      detail        = { secret = [var.secret_name] }
    } },
  )
}

module "package" {
  source = "../package"

  account = var.account
  files   = { for path in fileset(local._source, "responder/*.py") : path => file("${local._source}/${path}") }
  name    = var.name
}

# Made before the function: Lambda would make one without retention, but the role doesn't allow it.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:The log has no credential; a customer key is the caller's choice (function.kms_key_arn)
  name              = "/aws/lambda/${var.name}"
  kms_key_id        = var.function.kms_key_arn
  retention_in_days = var.function.log_retention_in_days
  skip_destroy      = var.function.log_skip_destroy
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name                 = var.name
  path                 = var.function.role_path
  description          = "Reports leaks of ${var.secret_name}"
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
}

resource "aws_iam_role_policy" "this" {
  name = "responder"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      jsondecode(var.statements),
      # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
      [for user in var.user[*] : {
        Sid      = "FindTheUserOfAKey"
        Effect   = "Allow"
        Action   = ["iam:ListAccessKeys"]
        Resource = user.arn
      }],
      # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
      [{
        Sid      = "DeliverLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${var.account.partition}:logs:${var.account.region}:${var.account.id}:log-group:/aws/lambda/${var.name}:*"
      }],
      # Denies the code of another function that was given this role; see modules/function.
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

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:The log has one record per invocation, which is enough for a few calls
  #checkov:skip=CKV_AWS_115:Reserved concurrency reduces the account's pool; a secret has few leaks
  #checkov:skip=CKV_AWS_116:alarm_actions are notified of an event that could not be answered; its report is one command
  #checkov:skip=CKV_AWS_117:The function needs no service inside a VPC
  #checkov:skip=CKV_AWS_173:The settings have no credential; a customer key is the caller's choice (function.kms_key_arn)
  #checkov:skip=CKV_AWS_272:The package is made on the caller's machine, which has no signing profile
  function_name = var.name
  description   = substr("Reports leaks of ${var.secret_name}", 0, 256)
  role          = local.role_arn

  architectures    = [var.function.architecture]
  filename         = module.package.filename
  handler          = "responder.handler.lambda_handler"
  kms_key_arn      = var.function.kms_key_arn
  memory_size      = 256
  runtime          = var.function.runtime
  source_code_hash = module.package.source_code_hash
  timeout          = 60

  environment {
    variables = { RESPONDER_SETTINGS = jsonencode({
      secret_arn = var.secret_arn
      user_name  = one(var.user[*].name)
    }) }
  }

  logging_config {
    application_log_level = "INFO"
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    system_log_level      = "WARN"
  }

  tags = var.tags

  depends_on = [aws_iam_role_policy.this, module.package]
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local._patterns

  name          = "${var.name}-${each.key}"
  description   = substr("Hears of leaks of ${var.secret_name}", 0, 512)
  event_pattern = jsonencode(each.value)
  tags          = var.tags
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = aws_cloudwatch_event_rule.this

  arn  = aws_lambda_function.this.arn
  rule = each.value.name
}

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions
resource "aws_lambda_permission" "this" {
  for_each = aws_cloudwatch_event_rule.this

  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "events.amazonaws.com"
  source_account = var.account.id
  source_arn     = each.value.arn
}

resource "aws_cloudwatch_metric_alarm" "this" {
  count = var.alarm_actions == null ? 0 : 1 # Invalid count argument? Write compact(…) around alarm_actions.

  alarm_name          = "${var.name}-errors"
  alarm_description   = "A leak of ${var.secret_name} could not be reported; the log group of the function says why."
  alarm_actions       = var.alarm_actions
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  evaluation_periods  = 1
  metric_name         = "Errors"
  namespace           = "AWS/Lambda"
  period              = 300
  statistic           = "Sum"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}
