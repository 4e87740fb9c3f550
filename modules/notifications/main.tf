# The watcher: the function that looks at the secret and receives its events, its rule, its role and its log group.

locals {
  _source = "${path.module}/../../lambda"
  _arns = { for service, resource in {
    events = "rule/${var.name}"
    lambda = "function:${var.name}"
    logs   = "log-group:/aws/lambda/${var.name}:*"
    sns    = var.name
  } : service => "arn:${var.account.partition}:${service}:${var.account.region}:${var.account.id}:${resource}" }

  role_arn = "arn:${var.account.partition}:iam::${var.account.id}:role${var.function.role_path}${var.name}"

  # The looks of many secrets must not come in the same minute. lambda/watcher/findings.py has the same 15 minutes.
  _first_minute = parseint(substr(sha256(var.name), 0, 4), 16) % 10
}

module "package" {
  source = "../package"

  account = var.account
  files   = { for path in fileset(local._source, "watcher/*.py") : path => file("${local._source}/${path}") }
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
  description          = "Watches the rotation of ${var.secret_name}"
  permissions_boundary = var.function.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RunTheWatcher"
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "watcher" {
  name = "watcher"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      # Both return no value of the secret. Only the second one has dates of versions.
      # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
      {
        Sid      = "LookAtThisSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret", "secretsmanager:ListSecretVersionIds"]
        Resource = var.secret_arn_pattern
      },
      {
        Sid      = "Notify"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = local.topic_arn
      },
      ], [for options in var.give_up[*] : {
        Sid      = "HaveARotationGivenUp"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = options.function_arn
        }], [for name in var.schedule_name[*] : {
        # https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html
        Sid      = "LookAtTheSchedule"
        Effect   = "Allow"
        Action   = ["scheduler:GetSchedule"]
        Resource = "arn:${var.account.partition}:scheduler:${var.account.region}:${var.account.id}:schedule/default/${name}"
      }], [
      # Denies the code of another function that was given this role; see modules/function.
      # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
      {
        Sid      = "OnlyThisFunction"
        Effect   = "Deny"
        Action   = ["*"]
        Resource = "*"
        Condition = {
          ArnNotLike = { "lambda:SourceFunctionArn" = [local._arns.lambda, "${local._arns.lambda}:*"] }
          Null       = { "lambda:SourceFunctionArn" = "false" }
        }
      },
    ])
  })
}

# If the KMS key is created in the same apply, kms_key_arn is unknown at plan and can't decide a count. So this policy
# always exists; without a key it is a Deny placeholder. For AWS's own key, its policy has the permission.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
resource "aws_iam_role_policy" "key" {
  name = "key"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = var.kms_key_arn == null ? "NoCustomerKey" : "UseTheKeyOfTheTopic"
      Effect   = var.kms_key_arn == null ? "Deny" : "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = coalesce(var.kms_key_arn, "arn:${var.account.partition}:kms:${var.account.region}:${var.account.id}:key/none")
      Condition = {
        StringEquals = {
          "kms:EncryptionContext:aws:sns:topicArn" = local.topic_arn
          # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
          "kms:ViaService" = [for suffix in distinct(["amazonaws.com", var.account.dns_suffix]) : "sns.${var.account.region}.${suffix}"]
        }
      }
    }]
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
      Resource = local._arns.logs
    }]
  })
}

# After a change of the schedule, or of whether there is one, nothing is overdue before it is due again. So the state keeps
# when the watcher learned of this schedule, and whether that apply was to rotate.
resource "terraform_data" "schedule" {
  input            = { rotates_immediately = var.rotates_immediately, since = timestamp() }
  triggers_replace = [var.schedule, var.rotates]

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:The log has one record per invocation, which is enough for one call after another
  #checkov:skip=CKV_AWS_115:Reserved concurrency reduces the account's pool; a secret has few events
  #checkov:skip=CKV_AWS_116:Each look finds what is still wrong, so a queue of lost events would need a watcher of its own
  #checkov:skip=CKV_AWS_117:The function needs no service inside a VPC
  #checkov:skip=CKV_AWS_173:The settings have no credential; a customer key is the caller's choice (function.kms_key_arn)
  #checkov:skip=CKV_AWS_272:The package is made on the caller's machine, which has no signing profile
  function_name = var.name
  description   = substr("Watches the rotation of ${var.secret_name}", 0, 256)
  role          = local.role_arn

  architectures    = [var.function.architecture]
  filename         = module.package.filename
  handler          = "watcher.handler.lambda_handler"
  kms_key_arn      = var.function.kms_key_arn
  memory_size      = 256
  runtime          = var.function.runtime
  source_code_hash = module.package.source_code_hash
  timeout          = var.give_up == null ? 60 : min(60 + var.function.timeout, 900)

  environment {
    variables = { WATCHER_SETTINGS = jsonencode(merge({
      log_group_name           = var.log_group_name
      longest_interval_minutes = var.schedule.longest_interval_in_minutes
      maximum_age_days         = var.maximum_age_days
      metrics                  = var.metrics
      reactivate_with          = var.reactivate_with
      rotates                  = var.rotates
      rotates_immediately      = terraform_data.schedule.output.rotates_immediately
      schedule_name            = var.schedule_name
      secret_arn               = var.secret_arn
      since                    = terraform_data.schedule.output.since
      topic_arn                = local.topic_arn
      valid_labels             = var.valid_labels
      window_minutes           = var.schedule.window_in_minutes
      }, { for options in var.give_up[*] : "give_up" => merge(options, { timeout = var.function.timeout }) }
    )) }
  }

  # WARN keeps the platform's records of timeouts and crashes, and drops those of each start and end.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
  logging_config {
    application_log_level = "INFO"
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    system_log_level      = "WARN"
  }

  tags = var.tags

  depends_on = [
    aws_iam_role_policy.key,
    aws_iam_role_policy.logs,
    aws_iam_role_policy.watcher,
    module.package,
  ]
}

# A rule may have both a schedule and a pattern. The events come from CloudTrail, if a trail logs management events.
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
resource "aws_cloudwatch_event_rule" "this" {
  name                = var.name
  description         = substr("Looks at ${var.secret_name} every 15 minutes, and hears of its events", 0, 512)
  schedule_expression = "cron(${local._first_minute}/15 * * * ? *)"
  tags                = var.tags

  event_pattern = jsonencode({
    source = ["aws.secretsmanager"]
    "$or" = [
      {
        detail-type = ["AWS Service Event via CloudTrail"]
        detail = {
          additionalEventData = { SecretId = [var.secret_arn] }
          eventName = concat(
            ["RotationAbandoned", "RotationFailed", "TestRotationFailed"],
            var.include_successes ? ["RotationSucceeded"] : [],
          )
        }
      },
      # The response of a call that failed has no ARN. AWS spells the key in two ways.
      # https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
      {
        detail-type = ["AWS API Call via CloudTrail"]
        detail = {
          eventName = ["CancelRotateSecret", "DeleteResourcePolicy", "DeleteSecret", "PutResourcePolicy"]
          "$or"     = [for key in ["aRN", "arn"] : { responseElements = { (key) = [var.secret_arn] } }]
        }
      },
    ]
  })
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
  source_arn    = local._arns.events
}
