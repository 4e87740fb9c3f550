# The account and region of the module, which the state keeps.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name = "reports/uploader"

  # Terraform 1.11 applies no test in which an ephemeral variable is null.
  initial_value         = "first"
  initial_value_version = 1
}

run "account_is_in_the_state" {
  assert {
    condition     = terraform_data.account.input.region == "eu-west-1"
    error_message = "The state has another region: ${terraform_data.account.input.region}."
  }
}

run "account_refuses_another_region_than_that_of_the_state" {
  command = plan

  override_data {
    target = data.aws_region.current
    values = { id = "eu-central-1" }
  }

  expect_failures = [terraform_data.account]
}

run "account_refuses_another_account_than_that_of_the_state" {
  command = plan

  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "210987654321" }
  }

  expect_failures = [terraform_data.account]
}
