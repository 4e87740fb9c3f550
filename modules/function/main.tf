# The rotation function: its package, its role, its log group, and who may invoke it.

locals {
  name        = var.function.name != null ? var.function.name : var.default_name
  planned_arn = "arn:${var.account.partition}:lambda:${var.account.region}:${var.account.id}:function:${local.name}"
}

locals {
  _source = "${path.module}/../../lambda"

  # The core, the strategy, and the services that it needs: a change for one service doesn't redeploy other functions.
  _patterns = concat(
    ["handler.py", "rotation/*.py", "rotation/strategies/__init__.py", "rotation/strategies/${var.strategy}.py"],
    [for pattern in var.services : "rotation/services/${pattern}"],
  )
  _found = setunion([for pattern in local._patterns : fileset(local._source, pattern)]...)
  # A strategy needs these only if it says so.
  _unused = setsubtract(["api.py", "audit.py", "giving_up.py", "issuing.py", "previous.py", "revocation.py", "setting.py", "users.py"], var.core)
  _paths  = setsubtract(local._found, [for name in local._unused : "rotation/${name}"])

  # A third of the code is docstrings, comments, and what only a type checker reads. They become empty lines, so that a traceback
  # has the source's line numbers. A tab is smaller than four spaces, in the package and in the state.
  # Each pattern begins with a fixed text or takes a whole line, which is five times as fast as to look at each character.
  _parts   = { for path in local._paths : path => split("if TYPE_CHECKING:\n", file("${local._source}/${path}")) }
  _imports = { for path, parts in local._parts : path => regex("^(?:    .*\n|\n)*", try(parts[1], "")) }
  _untyped = { for path, parts in local._parts : path => join("", [
    parts[0], try("\n${replace(local._imports[path], "/[^\n]+/", "")}${trimprefix(parts[1], local._imports[path])}", ""),
  ]) }
  _code = { for path, code in local._untyped : path => replace(replace(
    join("", [
      for index, part in split("\"\"\"", code) : index % 2 == 1 ? "\"\"${replace(part, "/[^\n]+/", "")}" : replace(part, "    ", "\t")
    ]),
    "/\n\t*#.*/", "\n"), "/  #.*/", ""
  ) }
  # A package without an __init__.py is one, too.
  _files = merge(var.files, { for path, code in local._code : path => code if can(regex("[a-z]", code)) })
}

module "package" {
  source = "../package"

  account = var.account
  files   = local._files
  name    = local.name
}

# Made before the function: Lambda would make one without retention, but the role doesn't allow it.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:The log has no credential; a customer key is the caller's choice (function.kms_key_arn)
  name              = "/aws/lambda/${local.name}"
  kms_key_id        = var.function.kms_key_arn
  retention_in_days = var.function.log_retention_in_days
  skip_destroy      = var.function.log_skip_destroy
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Tracing is the caller's choice (function.tracing_mode), because its actions support no resource
  #checkov:skip=CKV_AWS_115:Reserved concurrency reduces the account's pool; a secret rotates one step at a time anyway
  #checkov:skip=CKV_AWS_116:Secrets Manager invokes the function synchronously, so a dead-letter queue would stay empty
  #checkov:skip=CKV_AWS_117:Only a service inside a VPC needs the function there (function.vpc)
  #checkov:skip=CKV_AWS_173:The settings have no credential; a customer key is the caller's choice (function.kms_key_arn)
  #checkov:skip=CKV_AWS_272:The package is made on the caller's machine, which has no signing profile
  function_name = local.name
  description   = substr("Rotates ${var.secret_name}", 0, 256)
  role          = local.role_arn

  architectures                  = [var.function.architecture]
  filename                       = module.package.filename
  handler                        = "handler.lambda_handler"
  kms_key_arn                    = var.function.kms_key_arn
  layers                         = var.function.layers
  memory_size                    = var.function.memory_size
  reserved_concurrent_executions = var.function.reserved_concurrent_executions
  runtime                        = var.function.runtime
  source_code_hash               = module.package.source_code_hash
  timeout                        = var.function.timeout

  environment {
    variables = merge(var.environment, { ROTATION_SETTINGS = var.settings })
  }

  # WARN keeps the platform's records of timeouts and crashes, and drops those of each start and end.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
  logging_config {
    application_log_level = var.function.log_level
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    system_log_level      = "WARN"
  }

  tracing_config {
    mode = var.function.tracing_mode
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
    aws_iam_role_policy.key,
    aws_iam_role_policy.logs,
    aws_iam_role_policy.network,
    aws_iam_role_policy.rotation,
    aws_iam_role_policy.tracing,
    module.package,
  ]
}

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
resource "aws_lambda_permission" "this" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "secretsmanager.amazonaws.com"
  source_account = var.account.id
  source_arn     = var.secret_arn_pattern
}

resource "aws_cloudwatch_metric_alarm" "this" {
  count = var.alarm_actions == null ? 0 : 1 # Invalid count argument? Write compact(…) around alarm_actions.

  alarm_name          = "${local.name}-errors"
  alarm_description   = "A step of the rotation of ${var.secret_name} failed; the log group of the function says why."
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
