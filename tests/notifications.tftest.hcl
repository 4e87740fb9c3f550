# The recipients of notifications about the rotation.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name     = "reports/uploader"
  rotation = { random_value = {} }
}

run "notifications_accepts_null" {
  command = plan

  assert {
    condition     = length(module.notifications) == 0 && output.notification_topic_arn == null
    error_message = "There is a watcher."
  }
}

run "notifications_accepts_an_empty_object" {
  command = plan

  variables {
    notifications = {}
  }

  assert {
    condition     = output.notification_topic_arn == "arn:aws:sns:eu-west-1:123456789012:watch-reports-uploader-930766b9"
    error_message = "The topic is ${output.notification_topic_arn}."
  }
}

run "notifications_accepts_a_topic" {
  command = plan

  variables {
    notifications = { topic_arn = "arn:aws:sns:eu-west-1:210987654321:alerts" }
  }

  assert {
    condition     = output.notification_topic_arn == var.notifications.topic_arn
    error_message = "The topic is ${output.notification_topic_arn}."
  }
}
