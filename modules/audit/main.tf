# The audit's function, its schedule and its log group. It has the package of the rotation function, and a role that reads.

locals {
  arn = "arn:${var.account.partition}:lambda:${var.account.region}:${var.account.id}:function:${var.name}"
}

module "package" {
  source = "../package"

  account = var.account
  files   = merge(var.files, { "rotation/audit.py" = file("${path.module}/../../lambda/rotation/audit.py") })
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

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:The log has one record per audit
  #checkov:skip=CKV_AWS_115:Reserved concurrency reduces the account's pool; an audit runs once per schedule
  #checkov:skip=CKV_AWS_116:The next audit finds what is still wrong
  #checkov:skip=CKV_AWS_117:Only a service inside a VPC needs the function there (function.vpc)
  #checkov:skip=CKV_AWS_173:The settings have no credential; a customer key is the caller's choice (function.kms_key_arn)
  #checkov:skip=CKV_AWS_272:The package is made on the caller's machine, which has no signing profile
  function_name = var.name
  description   = substr("Audits ${var.secret_name}", 0, 256)
  role          = var.role_arn

  architectures    = [var.function.architecture]
  filename         = module.package.filename
  handler          = "handler.lambda_handler"
  kms_key_arn      = var.function.kms_key_arn
  layers           = var.function.layers
  memory_size      = var.function.memory_size
  runtime          = var.function.runtime
  source_code_hash = module.package.source_code_hash
  timeout          = var.function.timeout

  environment {
    variables = merge(var.environment, {
      ROTATION_SETTINGS = jsonencode(merge(jsondecode(var.settings), {
        audit = {
          rotates    = var.rotates
          secret_arn = var.secret_arn
          topic_arn  = var.topic_arn
        }
      }))
    })
  }

  # WARN keeps the platform's records of timeouts and crashes, and drops those of each start and end.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
  logging_config {
    application_log_level = "INFO"
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    system_log_level      = "WARN"
  }

  dynamic "vpc_config" {
    for_each = var.function.vpc[*]

    content {
      security_group_ids = vpc_config.value.security_group_ids
      subnet_ids         = vpc_config.value.subnet_ids
    }
  }

  tags = var.tags

  depends_on = [
    aws_iam_role.this,
    aws_iam_role_policy.audit,
    aws_iam_role_policy.keys,
    aws_iam_role_policy.logs,
    aws_iam_role_policy.network,
    module.package,
  ]
}

resource "aws_cloudwatch_event_rule" "this" {
  name                = var.name
  description         = substr("Audits ${var.secret_name}", 0, 512)
  schedule_expression = var.schedule_expression
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "this" {
  arn  = aws_lambda_function.this.arn
  rule = aws_cloudwatch_event_rule.this.name
}

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions
resource "aws_lambda_permission" "this" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this.function_name
  principal     = "events.amazonaws.com"
  source_arn    = "arn:${var.account.partition}:events:${var.account.region}:${var.account.id}:rule/${var.name}"
}

locals {
  _metric = { name = var.name, namespace = "RotatingSecret/Audit" }
}

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
resource "aws_cloudwatch_log_metric_filter" "this" {
  name           = var.name
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = "{ ($.event = \"audit\") && ($.outcome = \"findings\") }"

  metric_transformation {
    name      = local._metric.name
    namespace = local._metric.namespace
    value     = "1"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in {
    errors = {
      description = "An audit of ${var.secret_name} failed; its log group says why."
      dimensions  = { FunctionName = aws_lambda_function.this.function_name }
      metric      = "Errors"
      namespace   = "AWS/Lambda"
    }
    findings = {
      description = "An audit of ${var.secret_name} has findings; its log group has them."
      dimensions  = null
      metric      = local._metric.name
      namespace   = local._metric.namespace
    }
  } : name => alarm if var.alarm_actions != null } # Invalid for_each argument? Write compact(…) around alarm_actions.

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  alarm_actions       = var.alarm_actions
  comparison_operator = "GreaterThanThreshold"
  dimensions          = each.value.dimensions
  evaluation_periods  = 1
  metric_name         = each.value.metric
  namespace           = each.value.namespace
  period              = 300
  statistic           = "Sum"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}
