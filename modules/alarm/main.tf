# An alarm for failed rotations of a managed secret: the rule for their events, and the queue that keeps the events.

# Secrets Manager has no metric for rotations. These events come from CloudTrail, if a trail logs management events.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
resource "aws_cloudwatch_event_rule" "this" {
  name        = var.name
  description = substr("Failed rotations of ${var.secret_name}", 0, 512)
  tags        = var.tags

  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["AWS Service Event via CloudTrail"]
    detail = {
      additionalEventData = { SecretId = [var.secret_arn] }
      eventName           = ["RotationAbandoned", "RotationFailed"]
    }
  })
}

# A rule's metric is best effort. The delivery to a target is retried, and the queue keeps the event for an operator.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
resource "aws_cloudwatch_event_target" "this" {
  arn  = aws_sqs_queue.this.arn
  rule = aws_cloudwatch_event_rule.this.name
}

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
resource "aws_sqs_queue" "this" {
  name                      = var.name
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
  tags                      = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "KeepWhatFailed"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = "arn:${var.account.partition}:sqs:${var.account.region}:${var.account.id}:${var.name}"
      Condition = {
        ArnEquals = { "aws:SourceArn" = "arn:${var.account.partition}:events:${var.account.region}:${var.account.id}:rule/${var.name}" }
      }
    }]
  })
}

resource "aws_cloudwatch_metric_alarm" "this" {
  alarm_name          = var.name
  alarm_description   = "A rotation of ${var.secret_name} failed; the messages of the queue say when."
  alarm_actions       = var.alarm_actions
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { QueueName = aws_sqs_queue.this.name }
  evaluation_periods  = 1
  metric_name         = "ApproximateNumberOfMessagesVisible"
  namespace           = "AWS/SQS"
  period              = 300
  statistic           = "Maximum"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}
