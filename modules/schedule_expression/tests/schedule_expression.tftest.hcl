# Schedule expressions that are accepted, with what is read from them, and refused ones.

variables {
  expires_after_minutes = null
}

run "accepts_a_rate_in_days" {
  command = plan

  variables {
    expression = "rate(30 days)"
  }

  assert {
    condition     = !output.is_fast && output.longest_interval_in_days == 30 && output.longest_window_in_hours == 24
    error_message = "Secrets Manager keeps it, with a window of a whole day."
  }
}

run "accepts_a_rate_in_hours_that_secrets_manager_does_not_support" {
  command = plan

  variables {
    expression = "rate(3 hours)"
  }

  assert {
    condition     = output.is_fast && output.scheduler_expression == "rate(180 minutes)" && output.backstop_expression == "rate(1 day)"
    error_message = "EventBridge Scheduler reads it in minutes."
  }
}

run "accepts_a_cron_expression_with_an_increment_of_hours" {
  command = plan

  variables {
    expression = "cron(0 2/10 * * ? *)"
  }

  assert {
    condition     = !output.is_fast && output.longest_window_in_hours == 2
    error_message = "The window that opens at 22:00 has the least time before midnight."
  }
}

run "accepts_a_cron_expression_with_lists_and_ranges_of_hours" {
  command = plan

  variables {
    expression = "cron(0/25 8-10,22 * * ? *)"
  }

  assert {
    condition     = output.is_fast && output.shortest_interval_in_minutes == 10
    error_message = "Minute 50 is ten minutes before the next hour."
  }
}

run "accepts_the_fifth_monday" {
  command = plan

  variables {
    expression = "cron(15 8 ? * MON#5 *)"
  }

  assert {
    condition     = output.longest_interval_in_days == 100 && output.backstop_expression == "rate(100 days)"
    error_message = "There may be three months without a fifth Monday."
  }
}

run "accepts_a_schedule_faster_than_the_expiry" {
  command = plan

  variables {
    expires_after_minutes = 60
    expression            = "cron(0/50 * ? * * *)"
  }

  assert {
    condition     = output.shortest_interval_in_minutes == 10
    error_message = "Minutes 50 and 0 are ten minutes apart."
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

run "refuses_words" {
  command = plan

  variables {
    expression = "every day"
  }

  expect_failures = [var.expression]
}
