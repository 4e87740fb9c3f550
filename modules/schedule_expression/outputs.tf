# Facts about the schedule, which the root module reads, and the rules that need them: a variable cannot check what is
# computed from it.

locals {
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
  _patterns = { for name, number in {
    minute  = "[1-5]?[0-9]"
    hour    = "(?:1?[0-9]|2[0-3])"
    day     = "(?:[12]?[1-9]|[123]0|31)"
    month   = "(?:[1-9]|1[0-2])"
    weekday = "[1-7]"
    year    = "(?:202[6-9]|20[3-9][0-9]|21[0-9]{2})"
    } : name => format("^(?:%s)$", join("|", concat(
      lookup({ day = ["[?]", "L", "LW", "${number}W"], weekday = ["[?]", "L", "${number}L", "${number}#[1-5]"] }, name, []),
      [replace("ITEM(?:,ITEM)*", "ITEM", "(?:[*]|${number}(?:-${number})?)(?:/[1-9][0-9]?)?")],
  ))) }
  _forms = {
    minute  = "minute: numbers from 0 to 59"
    hour    = "hour: numbers from 0 to 23"
    day     = "day of month: ?, L, LW, 3W, or numbers from 1 to 31"
    month   = "month: JAN to DEC, or numbers from 1 to 12"
    weekday = "day of week: ?, L, MONL, MON#1, SUN to SAT, or numbers from 1 to 7"
    year    = "year: * or numbers from 2026 to 2199"
  }
  _wrong_fields = [for name in local._order : name if local._cron == null ? false : !can(regex(local._patterns[name], local._numbers[name])) || anytrue([
    for step in flatten(regexall("/([0-9]+)", local._numbers[name])) : tonumber(step) >= local._fields[name].first + local._fields[name].size
  ])]

  # The last day that each month can have, in the years of the schedule.
  _last_days = [
    for month in local._values.month : month != 2 ? (contains([4, 6, 9, 11], month) ? 30 : 31) :
    anytrue([for year in try(local._matched.year, [2028]) : year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)]) ? 29 : 28
  ]
  # A day by L comes in every month, a fifth weekday on the 29th or later.
  _first_day = try(
    tonumber(regex("^([0-9]+)W$", local._cron.day)[0]),
    regex("#5$", local._cron.weekday) == "#5" ? 29 : 1,
    min(local._values.day...),
    1,
  )
}

output "is_fast" {
  description = "Whether EventBridge Scheduler must keep the schedule, because Secrets Manager doesn't support it."
  value       = local._is_fast

  precondition {
    condition     = length(local._wrong_fields) == 0
    error_message = "${var.secret}: Each field of the cron expression in schedule_expression must have a value that AWS accepts, with , - * and / between numbers. Write as ${local._forms[try(local._wrong_fields[0], "minute")]}. Found: ${try(jsonencode(local._texts[index(local._order, local._wrong_fields[0])]), "")} in ${jsonencode(var.expression)}."
  }
  precondition {
    condition     = length(local._wrong_fields) > 0 || local._cron == null || anytrue([for day in local._last_days : local._first_day <= day])
    error_message = "${var.secret}: The cron expression in schedule_expression must name a day that comes: none of its months has a day ${local._first_day}. Choose another day or month. Found: ${jsonencode(var.expression)}."
  }
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
  precondition {
    condition     = local._rate == null ? true : local._rate <= 999 * 1440
    error_message = "${var.secret}: The rate in schedule_expression must be at most 999 days, as Secrets Manager's. Write e.g. \"rate(365 days)\". Found: ${jsonencode(var.expression)}."
  }
  # A rotation makes a version. AWS keeps about a hundred without a label, and each for at least a day: every 15 minutes
  # are 96 a day.
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
  precondition {
    condition     = length(local._wrong_fields) > 0 || local._shortest_interval >= 15
    error_message = "${var.secret}: The rotations of schedule_expression must be at least 15 minutes apart, because AWS removes only old versions of a secret. Write e.g. \"rate(15 minutes)\", \"cron(0/15 * * * ? *)\" or \"cron(5,35 * * * ? *)\". Found: ${local._shortest_interval} minutes in ${jsonencode(var.expression)}."
  }
}

output "longest_interval_in_days" {
  description = "The longest time between two rotations, unless the clock changes."
  value       = local._longest_interval_in_days
}

output "longest_interval_in_minutes" {
  description = "The longest time between two rotations, also where the clock changes."
  # Where the clock goes back, EventBridge does not rotate in the hour that comes again.
  value = local._longest_minutes + (var.timezone == null ? 0 : 60)
}

output "scheduler_expression" {
  description = "The expression as EventBridge Scheduler reads it: a rate is in minutes."
  value       = local._rate != null ? "rate(${local._rate} minutes)" : local._cron_expression
}

output "secrets_manager_expression" {
  description = "The expression as Secrets Manager reads it; for a schedule of EventBridge Scheduler, the backstop behind it."
  value       = local._is_fast ? local._backstop : coalesce(local._slow_rate, local._slow_cron)
}

output "shortest_interval_in_minutes" {
  description = "The shortest time between two rotations; of a rate, the time between any two."
  # Where the clock goes forward, an hour is missing in each interval over several hours.
  value = var.timezone == null ? local._shortest_interval : min(local._shortest_interval, [for minutes in local._across_hours : minutes - 60]...)
}

output "window_in_minutes" {
  description = "Length of the rotation window, by which two rotations can come closer; 0 for a schedule of EventBridge Scheduler."
  value       = local._window_in_hours * 60
}
