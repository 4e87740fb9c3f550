# Schedule expressions that are accepted, with what is read from them, and refused ones.

variables {
  expires_after_minutes = null
  secret                = "Secret reports/uploader"
}

run "accepts_a_rate_in_days" {
  command = plan

  variables {
    expression = "rate(30 days)"
  }

  assert {
    condition     = !output.is_fast && output.longest_interval_in_days == 30 && output.window_in_minutes == 1440
    error_message = "Secrets Manager keeps it, with a window of a whole day."
  }
}

run "accepts_a_shorter_window" {
  command = plan

  variables {
    duration   = "2h"
    expression = "rate(30 days)"
  }

  assert {
    condition     = output.window_in_minutes == 120
    error_message = "The window has another length."
  }
}

run "accepts_a_rate_in_hours_that_secrets_manager_does_not_support" {
  command = plan

  variables {
    expression = "rate(3 hours)"
  }

  assert {
    condition     = output.is_fast && output.scheduler_expression == "rate(180 minutes)" && output.secrets_manager_expression == "rate(2 days)"
    error_message = "EventBridge Scheduler reads it in minutes."
  }
}

run "accepts_minutes_that_are_hours" {
  command = plan

  variables {
    expression = "rate(300 minutes)"
  }

  assert {
    condition     = !output.is_fast && output.secrets_manager_expression == "rate(5 hours)" && output.window_in_minutes == 60
    error_message = "Secrets Manager reads it in hours."
  }
}

run "accepts_a_cron_expression_with_an_increment_of_hours" {
  command = plan

  variables {
    duration   = "2h"
    expression = "cron(00 02/10 * * ? *)"
  }

  assert {
    condition     = !output.is_fast && output.secrets_manager_expression == "cron(0 2/10 * * ? *)"
    error_message = "The window that opens at 22:00 has two hours before midnight."
  }
}

run "refuses_a_window_past_midnight" {
  command = plan

  variables {
    duration   = "3h"
    expression = "cron(0 2/10 * * ? *)"
  }

  expect_failures = [var.duration]
}

run "accepts_a_cron_expression_with_lists_and_ranges_of_hours" {
  command = plan

  variables {
    expression = "cron(0/20 8-10,22-2 * * ? *)"
  }

  assert {
    condition     = output.is_fast && output.shortest_interval_in_minutes == 20
    error_message = "Minute 40 is twenty minutes before the next hour."
  }
}

run "accepts_the_fifth_monday" {
  command = plan

  variables {
    expression = "cron(15 8 ? * MON#5 *)"
  }

  assert {
    condition     = output.longest_interval_in_days == 119 && output.secrets_manager_expression == "rate(121 days)"
    error_message = "There may be four months without a fifth Monday."
  }
}

run "accepts_a_time_zone" {
  command = plan

  variables {
    expression = "cron(30 8,20 * * ? *)"
    timezone   = "Europe/Berlin"
  }

  assert {
    condition     = output.shortest_interval_in_minutes == 660
    error_message = "An hour is missing on the day on which summer time begins."
  }
}

run "accepts_a_schedule_faster_than_the_expiry" {
  command = plan

  variables {
    expires_after_minutes = 60
    expression            = "cron(0/45 * ? * * *)"
  }

  assert {
    condition     = output.shortest_interval_in_minutes == 15
    error_message = "Minutes 45 and 0 are 15 minutes apart."
  }
}

run "refuses_a_schedule_that_pauses_at_night" {
  command = plan

  variables {
    expires_after_minutes = 60
    expression            = "cron(0/20 8-18 * * ? *)"
  }

  expect_failures = [var.expires_after_minutes]
}

run "refuses_once_an_hour_for_what_expires_after_an_hour" {
  command = plan

  variables {
    expires_after_minutes = 60
    expression            = "cron(0 * * * ? *)"
  }

  expect_failures = [var.expires_after_minutes]
}

run "refuses_a_time_zone_for_what_expires_after_an_hour" {
  command = plan

  variables {
    expires_after_minutes = 60
    expression            = "cron(0/30 * * * ? *)"
    timezone              = "Europe/Berlin"
  }

  expect_failures = [var.expires_after_minutes]
}

run "refuses_14_minutes" {
  command = plan

  variables {
    expression = "rate(14 minutes)"
  }

  expect_failures = [output.is_fast]
}

run "refuses_the_30th_of_february" {
  command = plan

  variables {
    expression = "cron(0 8 30 2 ? *)"
  }

  expect_failures = [output.is_fast]
}

run "refuses_words" {
  command = plan

  variables {
    expression = "every day"
  }

  expect_failures = [var.expression]
}
