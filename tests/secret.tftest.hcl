# The secret itself: its name, key, replicas, tags and first value.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "reports/uploader"
}

run "secret_accepts_every_option" {
  command = plan

  variables {
    kms_key_arn       = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    name              = "reports/uploader_+=.@-1"
    replica_overwrite = true
    replica_regions = {
      "eu-central-1"  = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
      "us-gov-west-1" = null
    }
    tags = { for number in range(49) : "tag${number}" => "x" }
  }

  assert {
    condition     = aws_secretsmanager_secret.this[0].name == "reports/uploader_+=.@-1"
    error_message = "The secret has another name: ${aws_secretsmanager_secret.this[0].name}."
  }
  assert {
    condition     = strcontains(output.reader_policy_json, "secret:reports/uploader_+=.@-1-??????")
    error_message = "A reader may read another secret: ${output.reader_policy_json}."
  }
  assert {
    condition     = aws_secretsmanager_secret.this[0].kms_key_id == var.kms_key_arn
    error_message = "The secret is encrypted with another key: ${aws_secretsmanager_secret.this[0].kms_key_id}."
  }
  assert {
    condition     = aws_secretsmanager_secret.this[0].force_overwrite_replica_secret
    error_message = "A secret with the same name stops the replication."
  }
  assert {
    condition     = toset(aws_secretsmanager_secret.this[0].replica[*].region) == toset(keys(var.replica_regions))
    error_message = "The replicas are in other regions."
  }
  assert {
    condition     = [for one in aws_secretsmanager_secret.this[0].replica : one.kms_key_id if one.region == "eu-central-1"] == [var.replica_regions["eu-central-1"]]
    error_message = "The replica is encrypted with another key."
  }
  assert {
    condition = { for one in jsondecode(output.reader_policy_json).Statement : one.Sid => one.Resource if startswith(one.Sid, "Decrypt") } == {
      DecryptInEuCentral1 = var.replica_regions["eu-central-1"]
      DecryptInEuWest1    = var.kms_key_arn
    }
    error_message = "A reader may not decrypt the secret and its replica: ${output.reader_policy_json}."
  }
  assert {
    condition     = aws_secretsmanager_secret.this[0].tags == tomap(var.tags)
    error_message = "The secret has other tags."
  }
}

run "initial_value_accepts_an_existing_function_and_a_later_number" {
  command = plan

  variables {
    initial_value         = "second"
    initial_value_version = 2
    rotation              = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this[0].secret_string_wo_version == 2
    error_message = "A changed number writes no new value."
  }
  assert {
    condition     = aws_secretsmanager_secret_version.this[0].version_stages == toset(["AWSCURRENT", "INITIAL"])
    error_message = "AWS deletes a version without a staging label, and the next apply overwrites the current value."
  }
}

run "initial_value_accepts_the_form_of_later_values" {
  command = plan

  variables {
    initial_value         = "{\"password\":\"first\"}"
    initial_value_version = 1
    rotation              = { random_value = { json_key = "password" } }
  }

  assert {
    condition     = length(aws_secretsmanager_secret_version.this) == 1 && output.rotation_enabled
    error_message = "A first value and its rotation are not both planned."
  }
}

run "replica_regions_refuses_the_region_of_the_secret" {
  command = plan

  variables {
    replica_regions = { "eu-west-1" = null }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}

run "default_tags_accepts_an_empty_value_without_a_record" {
  command = plan

  variables {
    rotation = { random_value = {} }
  }

  override_data {
    target = data.aws_default_tags.this
    values = { tags = { team = "" } }
  }

  assert {
    condition     = output.rotation_enabled
    error_message = "The secret doesn't rotate."
  }
}

run "default_tags_accepts_an_empty_value_that_tags_replace" {
  command = plan

  variables {
    rotation = { iam_access_key = { user_name = "uploader" } }
    tags     = { team = "reports" }
  }

  override_data {
    target = data.aws_default_tags.this
    values = { tags = { team = "" } }
  }

  assert {
    condition     = output.rotation_enabled
    error_message = "The secret doesn't rotate."
  }
}

run "default_tags_refuses_an_empty_value_beside_a_record" {
  command = plan

  variables {
    rotation = { iam_access_key = { user_name = "uploader" } }
  }

  override_data {
    target = data.aws_default_tags.this
    values = { tags = { team = "" } }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}

run "default_tags_refuses_characters_that_iam_does_not_accept" {
  command = plan

  variables {
    rotation = { random_value = {} }
  }

  override_data {
    target = data.aws_default_tags.this
    values = { tags = { contact = "a@example.com,b@example.com" } }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}

run "default_tags_refuses_more_than_49_together_with_tags" {
  command = plan

  variables {
    tags = { for number in range(49) : "tag${number}" => "x" }
  }

  override_data {
    target = data.aws_default_tags.this
    values = { tags = { team = "reports" } }
  }

  expect_failures = [aws_secretsmanager_secret.this]
}
