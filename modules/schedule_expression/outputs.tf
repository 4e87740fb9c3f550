# Facts about the schedule, which the root module reads.

output "is_fast" {
  description = "Whether EventBridge Scheduler must keep the schedule, because Secrets Manager doesn't support it."
  value = (
    local._rate != null ? local._rate < 240 :
    local._cron.minute != "0" || !can(regex("^([0-9]+|([*]|[0-9]+)/([4-9]|1[0-9]|2[0-3]))$", local._cron.hour))
  )
}

output "scheduler_expression" {
  description = "The expression as EventBridge Scheduler reads it: a rate is in minutes."
  value       = local._rate != null ? "rate(${local._rate} minutes)" : var.expression
}

output "shortest_interval_in_minutes" {
  description = "The shortest time between two rotations; of a rate, the time between any two."
  value = (
    local._rate != null ? local._rate :
    local._minute_increment == null ? min(local._hours_apart...) * 60 :
    min(local._minute_increment, min(local._hours_apart...) * 60 - floor(59 / coalesce(local._minute_increment, 60)) * coalesce(local._minute_increment, 60))
  )
}

# The farthest apart are a 29th of February, a fifth Monday, a last Monday, and a 31st.
output "longest_interval_in_days" {
  description = "The longest time between two rotations."
  value = (
    local._rate != null ? local._rate / 1440 :
    local._cron.month != "*" ? 2922 :
    strcontains(local._cron.weekday, "#") ? 100 :
    !contains(["*", "?"], local._cron.weekday) ? 35 :
    local._limits_days ? 62 : 1
  )
}

# A window must close before the next one opens and before the day ends in UTC.
output "longest_window_in_hours" {
  description = "The longest rotation window of a schedule that Secrets Manager keeps."
  value       = local._rate != null ? min(local._rate / 60, 24) : min(24 - reverse(local._hours)[0], local._hours_apart...)
}

# Longer than the longest interval, or it would rotate in between: in a month without that day, a year without that
# month, on a day with one rotation only. Secrets Manager supports at most 999 days.
output "backstop_expression" {
  description = "The schedule that Secrets Manager keeps behind one of EventBridge Scheduler."
  value = (
    local._rate != null ? "rate(1 day)" :
    local._cron.month != "*" ? "rate(999 days)" :
    local._limits_days ? "rate(100 days)" :
    length(local._hours) == 1 ? "rate(2 days)" : "rate(1 day)"
  )
}
