# The EventBridge schedule that calls RotateSecret, its role and its dead-letter queue.

locals {
  queue_arn = "arn:${var.account.partition}:sqs:${var.account.region}:${var.account.id}:${var.name}"
  role_arn  = "arn:${var.account.partition}:iam::${var.account.id}:role${var.options.role_path}${aws_iam_role.this.name}"
}

# An earlier version gave the role the name of the schedule. Terraform would replace such a role, so it keeps its name until
# the name of the schedule changes.
resource "terraform_data" "role_name" {
  input = var.role_name
}

# The source must be the schedule group.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
resource "aws_iam_role" "this" {
  name                 = var.role_name
  path                 = var.options.role_path
  description          = "Starts the rotation of ${var.secret_name}"
  permissions_boundary = var.options.permissions_boundary
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "RunTheSchedule"
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = var.account.id
          "aws:SourceArn"     = "arn:${var.account.partition}:scheduler:${var.account.region}:${var.account.id}:schedule-group/default"
        }
      }
    }]
  })

  lifecycle {
    ignore_changes       = [name]
    replace_triggered_by = [terraform_data.role_name]
  }
}

resource "aws_iam_role_policy" "this" {
  name = "rotation"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid      = "StartTheRotation"
        Effect   = "Allow"
        Action   = ["secretsmanager:RotateSecret"]
        Resource = var.secret_arn_pattern
      }],
      # RotateSecret requires this permission of its caller.
      # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
      [for arn in var.function_arn[*] : {
        Sid      = "HaveTheFunctionInvoked"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = arn
      }],
      # https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html#configuring-schedule-dlq-permissions
      [{
        Sid      = "KeepWhatFailed"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = local.queue_arn
      }],
    )
  })
}

resource "aws_sqs_queue" "dead_letter" {
  name                      = var.name
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags

  # If someone else created the queue first, it has a policy of theirs: this one replaces it.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyThisAccount"
      Effect    = "Deny"
      Principal = "*"
      Action    = ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]
      Resource  = local.queue_arn
      # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalaccount
      Condition = { StringNotEquals = { "aws:PrincipalAccount" = var.account.id } }
    }]
  })
}

locals {
  # Everything about the schedule that a caller can change.
  _schedule = {
    expression = var.expression
    name       = var.name
    queue_arn  = aws_sqs_queue.dead_letter.arn
    # The scheduler also repeats a call that failed with a 4xx error. A repetition that comes after the running rotation
    # would start a second one.
    retries    = 2
    role_arn   = aws_iam_role.this.arn
    secret_arn = var.secret_arn
  }
}

# EventBridge fires a rate immediately when it is created or changed, unless it has a start time in the future. Give each
# change its own start time, and keep it between changes.
# https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
resource "terraform_data" "start" {
  count = startswith(var.expression, "rate(") ? 1 : 0

  input            = timeadd(timestamp(), "${var.shortest_interval_in_minutes}m")
  triggers_replace = local._schedule

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:The schedule has only the ARN of the secret
  name                         = local._schedule.name
  description                  = substr("Rotates ${var.secret_name}", 0, 512)
  schedule_expression          = local._schedule.expression
  schedule_expression_timezone = var.timezone
  start_date                   = one(terraform_data.start[*].output)

  flexible_time_window {
    mode = "OFF"
  }

  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
  target {
    arn      = "arn:${var.account.partition}:scheduler:::aws-sdk:secretsmanager:rotateSecret"
    input    = jsonencode({ SecretId = local._schedule.secret_arn })
    role_arn = local._schedule.role_arn

    dead_letter_config {
      arn = local._schedule.queue_arn
    }

    # After that the next rotation is due, or an operator must look at the queue.
    retry_policy {
      maximum_event_age_in_seconds = min(var.shortest_interval_in_minutes * 60, 3600)
      maximum_retry_attempts       = local._schedule.retries
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  count = var.alarm_actions == null ? 0 : 1 # Invalid count argument? Write compact(…) around alarm_actions.

  alarm_name          = "${var.name}-dead-letters"
  alarm_description   = "A rotation of ${var.secret_name} could not be started; the messages of the queue say why."
  alarm_actions       = var.alarm_actions
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter.name }
  evaluation_periods  = 1
  metric_name         = "ApproximateNumberOfMessagesVisible"
  namespace           = "AWS/SQS"
  period              = 300
  statistic           = "Maximum"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}
