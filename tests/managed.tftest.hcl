# The resources for a secret that an AWS service rotates.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  rotation = {
    managed = { secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-0e1f2a3b-a1B2c3" }
  }
}

run "rotation_accepts_a_managed_secret" {
  command = plan

  variables {
    schedule_expression = "rate(7 days)"
  }

  assert {
    condition     = output.secret_name == "rds!cluster-0e1f2a3b"
    error_message = "The secret has another name: ${output.secret_name}."
  }
  assert {
    condition     = length(aws_secretsmanager_secret.this) + length(module.function) == 0
    error_message = "A secret or a function is made."
  }
  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].secret_id == var.rotation.managed.secret_arn
    error_message = "Another secret is rotated: ${aws_secretsmanager_secret_rotation.this[0].secret_id}."
  }
  assert {
    condition     = aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn == null
    error_message = "A function rotates it: ${coalesce(aws_secretsmanager_secret_rotation.this[0].rotation_lambda_arn, "none")}."
  }
}

run "managed_secret_accepts_a_key_and_readers" {
  command = plan

  variables {
    kms_key_arn       = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    readers           = ["arn:aws:iam::123456789012:role/reporter"]
    readers_exclusive = true
  }

  assert {
    condition     = strcontains(output.reader_policy_json, var.kms_key_arn)
    error_message = "A reader may not decrypt: ${output.reader_policy_json}."
  }
  assert {
    condition     = strcontains(aws_secretsmanager_secret_policy.this[0].policy, "123456789012:role/aws-service-role/*")
    error_message = "The service of the secret is denied: ${aws_secretsmanager_secret_policy.this[0].policy}."
  }
}

run "alarm_actions_accepts_a_topic_for_a_managed_secret" {
  command = plan

  variables {
    alarm_actions = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
  }

  assert {
    condition     = length(module.alarm) == 1
    error_message = "There is no alarm for failed rotations."
  }
}

run "alarm_actions_accepts_an_empty_list_for_a_managed_secret" {
  command = plan

  variables {
    alarm_actions = []
  }

  assert {
    condition     = length(module.alarm) == 1
    error_message = "The alarm depends on the length of the list."
  }
}

run "rotation_enabled_accepts_false" {
  command = plan

  variables {
    notifications       = {}
    rotation            = { managed = { rotation_enabled = false, secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!cluster-0e1f2a3b-a1B2c3" } }
    schedule_expression = "rate(1 hour)"
    scheduler           = { name = "rotate-master" }
  }

  assert {
    condition     = !output.rotation_enabled && length(aws_secretsmanager_secret_rotation.this) + length(module.schedule) == 0
    error_message = "The secret still rotates."
  }
}
