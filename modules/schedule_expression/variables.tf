# A schedule expression with its window and time zone, and the rules for them.

# tflint-ignore: terraform_unused_declarations # main.tf reads it only for a schedule of Secrets Manager.
variable "duration" {
  description = "Length of the rotation window, e.g. 2h; null is AWS's default."
  type        = string
  default     = null

  validation {
    condition     = var.duration == null || !local._is_fast
    error_message = "${var.secret}: schedule_duration must be null if EventBridge Scheduler keeps the schedule, which has no window. Remove schedule_duration, or write a schedule on the hour with at least four hours between rotations. Found: ${var.expression}."
  }
  validation {
    condition = alltrue([for duration in var.duration[*] :
      can(regex("^[1-9][0-9]?h$", duration)) && tonumber(try(regex("^[0-9]+", duration), 99)) <= local._longest_window_in_hours if !local._is_fast
    ])
    error_message = "${var.secret}: schedule_duration must end the window before the next one opens and before the day ends in UTC. Write \"1h\" to \"${local._longest_window_in_hours}h\" for ${var.expression}. Found: ${jsonencode(var.duration)}."
  }
}

variable "expression" {
  description = "When the secret rotates: rate(…) or cron(…)."
  type        = string
  nullable    = false

  # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
  validation {
    condition     = can(regex("^(rate|cron)[(][^()]*[)]$", var.expression)) && length(var.expression) <= 256
    error_message = "${var.secret}: schedule_expression must be a rate or a cron expression, with at most 256 characters. Write e.g. \"rate(30 days)\" or \"cron(0 8 1 * ? *)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !can(regex("^rate[(][^()]*[)]$", var.expression)) || can(regex("^rate[(](1 (minute|hour|day)|([2-9]|[1-9][0-9]{1,6}) (minutes|hours|days))[)]$", var.expression))
    error_message = "${var.secret}: The rate in schedule_expression must have a whole number of minutes, hours or days. AWS rejects \"1 days\" and \"2 day\". Write e.g. \"rate(30 minutes)\", \"rate(4 hours)\", \"rate(1 day)\" or \"rate(30 days)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !can(regex("^cron[(][^()]*[)]$", var.expression)) || can(regex("^cron[(]([^() ]+ ){5}[^() ]+[)]$", var.expression))
    error_message = "${var.secret}: The cron expression in schedule_expression must have six fields with one space between them: minute, hour, day of month, month, day of week, year. Write e.g. \"cron(0 8 1 * ? *)\", \"cron(0/30 * * * ? *)\" or \"cron(0 0 ? * SUN#1 *)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !can(regex("^cron[(]([^() ]+ ){5}[^() ]+[)]$", var.expression)) || length(regexall("[?]", var.expression)) == 1
    error_message = "${var.secret}: The cron expression in schedule_expression must have a ? either as day of month or as day of week, because AWS supports only one of them at a time. Write e.g. \"cron(0 8 1 * ? *)\" or \"cron(0 8 ? * MON *)\". Found: ${jsonencode(var.expression)}."
  }
}

# tflint-ignore: terraform_unused_declarations # Only its own rule reads it.
variable "expires_after_minutes" {
  description = "Time after which each credential expires; null if it doesn't."
  type        = number

  # Ten minutes are for retries.
  validation {
    condition     = var.expires_after_minutes == null ? true : local._longest_minutes + (var.timezone == null ? 0 : 60) <= var.expires_after_minutes - 10
    error_message = "${var.secret}: schedule_expression must rotate at least every ${coalesce(var.expires_after_minutes, 60) - 10} minutes, all day, because each credential expires after ${coalesce(var.expires_after_minutes, 60)} minutes. ${var.timezone == null ? "" : "With schedule_timezone, an hour has no rotation where the clock goes back. Remove it. "}Write \"rate(30 minutes)\". Found: ${jsonencode(var.expression)}."
  }
}

variable "secret" {
  description = "How each message names the secret, since Terraform doesn't name the instance of a module."
  type        = string
  nullable    = false
}

variable "timezone" {
  description = "Time zone of a cron expression that EventBridge Scheduler keeps; null is UTC."
  type        = string
  default     = null

  validation {
    condition     = var.timezone == null || (local._is_fast && local._rate == null)
    error_message = "${var.secret}: schedule_timezone must be null unless EventBridge Scheduler keeps a cron expression: Secrets Manager uses UTC, and a rate has no time of day. Remove it, or write a cron expression that Secrets Manager does not support, e.g. \"cron(30 8 * * ? *)\". Found: ${var.expression}."
  }
  # time_zones.txt has the names of the IANA database; a test compares it.
  validation {
    condition     = var.timezone == null || contains(flatten(regexall("(?m)^(\\S+)", local._time_zones)), coalesce(var.timezone, "-"))
    error_message = "${var.secret}: schedule_timezone must be a name in the IANA time zone database. Write e.g. \"Europe/Berlin\". Found: ${jsonencode(var.timezone)}."
  }
}
