# Parses a schedule expression.

locals {
  # Minutes: rate(2 hours) becomes 120; null for a cron expression.
  _rate = one([
    for match in regexall("^rate[(]([0-9]+) (minute|hour|day)s?[)]$", var.expression) :
    tonumber(match[0]) * { minute = 1, hour = 60, day = 1440 }[match[1]]
  ])

  # cron(0/15 8-17 ? * MON *) becomes { minute = "0/15", hour = "8-17", day = "?", month = "*", weekday = "MON" }; null for a rate.
  _cron = one([
    for match in regexall("^cron[(]([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) [*][)]$", var.expression) :
    zipmap(["minute", "hour", "day", "month", "weekday"], match)
  ])

  # Every hour of the day that the hour field matches: "8-10,22/1" becomes [8, 9, 10, 22, 23].
  _hours = [for hour in range(24) : hour if contains(flatten([
    for item in [for text in split(",", try(local._cron.hour, "*")) : regex("^(?:[*]|([0-9]+)(-)?([0-9]+)?)(?:/([0-9]+))?$", text)] : range(
      tonumber(coalesce(item[0], "0")),
      1 + tonumber(coalesce(item[2], item[0] != null && item[3] == null ? item[0] : "23")),
      tonumber(coalesce(item[3], "1")),
    )
  ]), hour)]
  _hours_apart = [
    for index, hour in local._hours : index > 0 ? hour - local._hours[index - 1] : hour + 24 - reverse(local._hours)[0]
  ]

  # 0/15 becomes 15; null for one number, which is once an hour.
  _minute_increment = try(tonumber(regex("^0/([0-9]+)$", local._cron.minute)[0]), null)

  _limits_days = local._cron == null ? false : length(setsubtract([local._cron.day, local._cron.weekday], ["*", "?"])) > 0

  _longest_interval_in_minutes = (
    local._rate != null ? local._rate :
    length(local._hours) < 24 || local._limits_days || local._cron.month != "*" ? 1440 :
    coalesce(local._minute_increment, 60)
  )
}
