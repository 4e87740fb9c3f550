# Parses a schedule expression.

locals {
  # Minutes: rate(2 hours) becomes 120; null for a cron expression.
  _rate = one([
    for match in regexall("^rate[(]([0-9]{1,7}) (minute|hour|day)s?[)]$", var.expression) :
    tonumber(match[0]) * { minute = 1, hour = 60, day = 1440 }[match[1]]
  ])

  # A day of the month or week with L, W or # isn't a number. A month and a week begin with 1.
  _fields = {
    minute  = { first = 0, size = 60, names = [] }
    hour    = { first = 0, size = 24, names = [] }
    day     = { first = 1, size = 31, names = [] }
    month   = { first = 1, size = 12, names = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"] }
    weekday = { first = 1, size = 7, names = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] }
    year    = { first = 2026, size = 174, names = [] }
  }
  _order = ["minute", "hour", "day", "month", "weekday", "year"]

  # The fields as both services document them: 00 becomes 0, and */4 as hour becomes 0/4. Null for a rate.
  _texts = one([for match in regexall("^cron[(](.*)[)]$", var.expression) : split(" ", match[0])])
  _cron = local._texts == null ? null : {
    for index, name in local._order :
    name => replace(replace(local._texts[index], "/\\b0+([0-9])/", "$1"), "/[*]([/])/", "${local._fields[name].first}$1")
  }

  # The same with numbers for names: MON-FRI becomes 2-6.
  _numbers = { for name, text in coalesce(local._cron, {}) : name => join("", [
    for part in regexall("[A-Z]{3}|.", text) :
    contains(local._fields[name].names, part) ? index(local._fields[name].names, part) + local._fields[name].first : part
  ]) }

  # Every value that a field matches: "22-1,8/6" as hour becomes [22, 23, 0, 1, 8, 14, 20]. Empty for L, W and #. A schedule
  # of every year matches too many to list.
  _matched = { for name, field in local._fields : name => try(flatten([
    for item in [for text in split(",", local._numbers[name]) : regex("^(?:[*?]|([0-9]+)(?:-([0-9]+))?)(?:/([0-9]+))?$", text)] : [
      for value in range(
        tonumber(coalesce(item[0], field.first)),
        1 + tonumber(coalesce(item[1], item[0] != null && item[2] == null ? item[0] : field.first + field.size - 1)) + (
          item[1] != null && tonumber(coalesce(item[1], 0)) < tonumber(coalesce(item[0], 0)) ? field.size : 0
        ),
        tonumber(coalesce(item[2], 1)),
      ) : (value - field.first) % field.size + field.first
    ]
  ]), []) if name != "year" || local._limits_years }
  # The same in order, because a set of texts is.
  _values = { for name, values in local._matched : name => [
    for text in toset([for value in values : format("%02d", value)]) : tonumber(text)
  ] if name != "year" }

  _limits_days   = local._cron == null ? false : length(setsubtract([local._cron.day, local._cron.weekday], ["*", "?"])) > 0
  _limits_months = try(local._cron.month != "*", false)
  _limits_years  = try(local._cron.year != "*", false)
  _limits_dates  = local._limits_days || local._limits_months || local._limits_years

  # Each is the time from one value to the next, for the last value to the first of the next day, week or year.
  _hours_apart    = [for i, hour in local._values.hour : i > 0 ? hour - local._values.hour[i - 1] : hour + 24 - reverse(local._values.hour)[0]]
  _weekdays_apart = [for i, day in local._values.weekday : i > 0 ? day - local._values.weekday[i - 1] : day + 7 - reverse(local._values.weekday)[0]]
  _months_apart   = [for i, month in local._values.month : i > 0 ? month - local._values.month[i - 1] : month + 12 - reverse(local._values.month)[0]]

  # A month may have 28 days. L, W and # come once a month, and a W up to two days later and two days earlier.
  _days_apart = (
    !local._limits_days ? 1 :
    !contains(["*", "?"], local._cron.weekday) ? try(min(local._weekdays_apart...), 28) :
    try(min([for i, day in local._values.day : i > 0 ? day - local._values.day[i - 1] : max(1, day + 28 - reverse(local._values.day)[0])]...), 24)
  )

  # Minutes from each rotation to the next: within an hour, from one hour to a later one, and from one day to a later one.
  _minutes_span  = try(reverse(local._values.minute)[0] - local._values.minute[0], 0)
  _hours_span    = try(reverse(local._values.hour)[0] - local._values.hour[0], 0) * 60
  _within_hours  = [for i, minute in local._values.minute : minute - local._values.minute[max(i - 1, 0)] if i > 0]
  _between_hours = [for hours in local._hours_apart : hours * 60 - local._minutes_span]
  _between_days  = local._days_apart * 1440 - local._hours_span - local._minutes_span
  _across_hours = concat(
    [for i, minutes in local._between_hours : minutes if local._hours_apart[i] > 1 && (i > 0 || !local._limits_days)],
    local._limits_days ? [local._between_days] : [],
  )
  _shortest_interval = local._rate != null ? local._rate : try(min(concat(
    local._within_hours,
    [for i, minutes in local._between_hours : minutes if i > 0 || !local._limits_days],
    local._limits_days ? [local._between_days] : [],
  )...), 0)
  _longest_interval = (
    local._rate != null ? local._rate :
    local._limits_dates ? 1440 :
    try(max(concat(local._within_hours, local._between_hours)...), 1440)
  )

  # The days from each one that every month has to the next.
  _sure_days        = [for day in local._values.day : day if day <= 28]
  _sure_days_apart  = [for i, day in local._sure_days : i > 0 ? day - local._sure_days[i - 1] : day + 31 - reverse(local._sure_days)[0]]
  _comes_each_month = !can(regex("#5$", local._cron.weekday)) && (length(local._sure_days) > 0 || can(regex("^(LW?|(1?[0-9]|2[0-8])W)$", local._cron.day)))

  # The farthest apart are a 29th of February around 2100, fifth Mondays around 2100, and a 31st. A weekday may come a week
  # later in its month.
  _longest_interval_in_days = (
    local._rate != null ? local._rate / 1440 :
    local._limits_years ? 999999 :
    local._limits_months ? try(local._comes_each_month ? max(local._months_apart...) * 31 + 7 : 2922, 2922) :
    can(regex("#5$", local._cron.weekday)) ? 119 :
    !contains(["*", "?"], local._cron.weekday) ? try(max(local._weekdays_apart...), 35) :
    local._limits_days ? try(max(local._sure_days_apart...), local._comes_each_month ? 35 : 62) : local._longest_interval / 1440
  )

  # Where the clock of a zone goes forward, EventBridge skips what is due in the hour that is missing. After the name of such a
  # zone, time_zones.txt has this hour, and the day of the week and the days of the month on which it may be.
  # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
  _missing = var.timezone == null ? [] : try(regexall("(?m)^${var.timezone} ([0-9,]+) ([1-7]) ([0-9]+)-([0-9]+)$", local._time_zones), [])
  _missing_hours = flatten([
    for match in local._missing : [for hour in split(",", match[0]) : tonumber(hour)] if alltrue([
      length(local._values.weekday) == 0 || contains(local._values.weekday, tonumber(match[1])),
      length(local._values.day) == 0 || anytrue([for day in local._values.day : day >= tonumber(match[2]) && day <= tonumber(match[3])]),
    ])
  ])
  _time_zones = file("${path.module}/time_zones.txt")

  # A day may lose all its rotations, or an hour of several.
  _minutes_without_an_hour = (
    length(setsubtract(local._values.hour, local._missing_hours)) == 0 ? [local._longest_interval_in_days * 2880] :
    local._limits_dates ? [] : [
      for i, hour in local._values.hour :
      (local._hours_apart[i] + local._hours_apart[(i + 1) % length(local._values.hour)]) * 60 - local._minutes_span - 60
      if contains(local._missing_hours, hour)
    ]
  )
  _longest_minutes = max(concat(
    [local._limits_dates ? local._longest_interval_in_days * 1440 : local._longest_interval],
    local._cron == null ? [] : local._minutes_without_an_hour,
  )...)

  # Secrets Manager rotates on the hour, at least four hours apart, and at most 999 days. A rate of more than 23 hours is
  # in days.
  # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
  _slow_rate = (
    local._rate == null ? null :
    local._rate % 1440 == 0 ? "rate(${local._rate / 1440} ${local._rate == 1440 ? "day" : "days"})" :
    local._rate % 60 == 0 && local._rate >= 240 && local._rate < 1440 ? "rate(${local._rate / 60} hours)" : null
  )
  _slow_cron = local._cron == null ? null : one([
    for expression in [local._cron_expression] : expression if(
      local._cron.minute == "0" && can(regex("^[0-9]+(/[0-9]+)?$", local._cron.hour)) && try(min(local._hours_apart...) >= 4, false) &&
      !endswith(local._cron.day, "W") && !local._limits_years
    )
  ])
  _cron_expression = local._cron == null ? null : "cron(${join(" ", [for name in local._order : local._cron[name]])})"

  _is_fast = local._slow_rate == null && local._slow_cron == null

  # A rate in days has its window from midnight to midnight, a rate in hours for an hour. A cron expression has it until
  # the end of the day, or for an hour if there are several on a day.
  _window_in_hours = (
    local._is_fast ? 0 :
    var.duration != null ? tonumber(try(regex("^([0-9]+)h$", var.duration)[0], 0)) :
    local._rate != null ? (local._rate % 1440 == 0 ? 24 : 1) :
    length(local._values.hour) == 1 ? try(24 - local._values.hour[0], 0) : 1
  )

  # A window must close before the next one opens and before the day ends in UTC.
  _longest_window_in_hours = (
    local._rate != null ? min(floor(local._rate / 60), 24) :
    try(min(24 - reverse(local._values.hour)[0], local._hours_apart...), 24)
  )

  # The window of a rate in days opens at midnight, perhaps a minute after a rotation on the day before. So that it never
  # opens before the next rotation, add a day, and a quarter of a day for a change of the clock and for retries.
  _backstop = "rate(${min(999, ceil(local._longest_minutes / 1440 + 1.25))} days)"
}
