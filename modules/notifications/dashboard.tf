# The dashboard of the metrics, the log and the alarms.

locals {
  _alarms = [for name in compact([
    "${var.name}-age",
    "${var.name}-errors",
    var.function_name == null ? "" : "${var.function_name}-errors",
  ]) : "arn:${var.account.partition}:cloudwatch:${var.account.region}:${var.account.id}:alarm:${name}" if var.alarm_actions != null]

  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
  _widgets = concat(
    [{
      type = "metric"
      properties = {
        title   = "Age of the current value in hours"
        region  = var.account.region
        period  = 3600
        stat    = "Maximum"
        metrics = [["RotatingSecret", "age_hours", "secret_arn", var.secret_arn]]
      }
    }],
    # Only the functions that this module makes have these metrics and this log.
    flatten([for group in compact([var.log_group_name]) : [
      {
        type = "metric"
        properties = {
          title   = "Milliseconds of each step"
          region  = var.account.region
          period  = 3600
          stat    = "Maximum"
          metrics = [for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] : ["RotatingSecret", "duration_ms", "secret_arn", var.secret_arn, "step", step]]
        }
      },
      {
        type = "metric"
        properties = {
          title   = "Failed steps"
          region  = var.account.region
          period  = 3600
          stat    = "Sum"
          metrics = [["RotatingSecret", "failures", "secret_arn", var.secret_arn]]
        }
      },
      {
        type = "log"
        properties = {
          title  = "Outcome of each step"
          region = var.account.region
          view   = "table"
          query  = "SOURCE '${group}' | filter event = 'rotation_step' | fields @timestamp, step, outcome, error, message | sort @timestamp desc | limit 20"
        }
      },
    ]]),
    [for alarms in [local._alarms] : {
      type       = "alarm"
      properties = { title = "Alarms", alarms = alarms }
    } if length(alarms) > 0],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = [for widget in local._widgets : merge(widget, { width = 12, height = 6 })] })
}
