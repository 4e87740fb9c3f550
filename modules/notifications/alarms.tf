# The alarms of the metrics, if the caller has alarm_actions.

# A look has each age, so the metric of a healthy secret always has data. Only a watcher that fails leaves a gap.
resource "aws_cloudwatch_metric_alarm" "age" {
  count = var.metrics && var.rotates && var.alarm_actions != null ? 1 : 0 # Invalid count argument? Write compact(…) around alarm_actions.

  alarm_name          = "${var.name}-age"
  alarm_description   = "The current value of ${var.secret_name} is older than its schedule allows."
  alarm_actions       = var.alarm_actions
  comparison_operator = "GreaterThanThreshold"
  dimensions          = { secret_arn = var.secret_arn }
  evaluation_periods  = 1
  metric_name         = "age_hours"
  namespace           = "RotatingSecret"
  period              = 3600
  statistic           = "Minimum"
  threshold           = (var.schedule.longest_interval_in_minutes + var.schedule.window_in_minutes) / 60 + 1
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  count = var.metrics && var.alarm_actions != null ? 1 : 0 # Invalid count argument? Write compact(…) around alarm_actions.

  alarm_name          = "${var.name}-errors"
  alarm_description   = "The watcher of ${var.secret_name} failed; its log group says why."
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
