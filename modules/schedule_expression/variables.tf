# A schedule expression, and the rules for it.

locals {
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
  _hour    = "(?:1?[0-9]|2[0-3])"
  _day     = "(?:[12]?[1-9]|[123]0|31)"
  _month   = "(?:[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
  _weekday = "(?:[1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)"
  _lists = { for name, value in { day = local._day, hour = local._hour, month = local._month, weekday = local._weekday } :
    name => replace("ITEM(?:,ITEM)*", "ITEM", "(?:[*]|${value}(?:-${value})?)(?:/[1-9][0-9]?)?")
  }
  _cron_pattern = "^cron[(]${join(" ", [
    "[^ ]+",
    local._lists.hour,
    "(?:[?]|L|${local._lists.day})",
    local._lists.month,
    "(?:[?]|L|${local._weekday}L|${local._weekday}#[1-5]|${local._lists.weekday})",
    "[*]",
  ])}[)]$"
}

variable "expression" {
  description = "When the secret rotates: rate(…) or cron(…)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(rate|cron)[(][^()]*[)]$", var.expression))
    error_message = "schedule_expression must be a rate or a cron expression. Write e.g. \"rate(30 days)\" or \"cron(0 8 1 * ? *)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !startswith(var.expression, "rate(") || can(regex("^rate[(](1 (minute|hour|day)|([2-9]|[1-9][0-9]|1[0-9]{2}|2[0-3][0-9]) minutes|([2-9]|[1-9][0-9]{1,2}) (hours|days))[)]$", var.expression))
    error_message = "The rate in schedule_expression must be 10 to 239 minutes, 1 to 999 hours, or 1 to 999 days. Write e.g. \"rate(30 minutes)\", \"rate(4 hours)\", \"rate(1 day)\" or \"rate(30 days)\". Found: ${jsonencode(var.expression)}."
  }
  # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
  validation {
    condition     = !can(regex("^rate[(][1-9] minutes?[)]$", var.expression))
    error_message = "The rate in schedule_expression must be at least ten minutes, because AWS advises against more new versions of a secret. Write e.g. \"rate(10 minutes)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !startswith(var.expression, "cron(") || can(regex(local._cron_pattern, var.expression))
    error_message = "The cron expression in schedule_expression must have the fields minute, hour, day of month, month, day of week, *. Write e.g. \"cron(0 8 1 * ? *)\", \"cron(0/30 * * * ? *)\" or \"cron(0 0 ? * SUN#1 *)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = alltrue([for hours in regexall("([0-9]+)-([0-9]+)", try(split(" ", var.expression)[1], "")) : tonumber(hours[0]) <= tonumber(hours[1])])
    error_message = "A range of hours in schedule_expression must not pass midnight. Write e.g. \"cron(30 0-2,22-23 * * ? *)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !startswith(var.expression, "cron(") || can(regex("^cron[(](?:[1-5]?[0-9]|0/[1-5][0-9]) ", var.expression))
    error_message = "The minute in schedule_expression must be one number, or 0/N with an N of at least 10. AWS advises against more than one new version of a secret every ten minutes. Write e.g. \"cron(30 8 * * ? *)\" or \"cron(0/15 * * * ? *)\". Found: ${jsonencode(var.expression)}."
  }
  validation {
    condition     = !startswith(var.expression, "cron(") || length(regexall("[?]", var.expression)) == 1
    error_message = "The cron expression in schedule_expression must have a ? either as day of month or as day of week. Write e.g. \"cron(0 8 1 * ? *)\" or \"cron(0 8 ? * MON *)\". Found: ${jsonencode(var.expression)}."
  }
}

# tflint-ignore: terraform_unused_declarations # Only its own rule reads it.
variable "expires_after_minutes" {
  description = "Time after which each credential expires; null if it doesn't."
  type        = number

  # Ten minutes are for retries.
  validation {
    condition     = var.expires_after_minutes == null ? true : local._longest_interval_in_minutes <= var.expires_after_minutes - 10
    error_message = "schedule_expression must rotate at least every ${coalesce(var.expires_after_minutes, 60) - 10} minutes, all day, because each credential expires after ${coalesce(var.expires_after_minutes, 60)} minutes. Write \"rate(30 minutes)\". Found: ${jsonencode(var.expression)}."
  }
}
