# The check of examples/postgres: whether the function has a way to Secrets Manager.

mock_provider "aws" {
  source = "./tests/mocks"

  override_during = plan

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-west-1a", "eu-west-1b"] }
  }

  mock_resource "aws_db_instance" {
    defaults = {
      address            = "app.a1b2c3d4e5f6.eu-west-1.rds.amazonaws.com"
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3" }]
    }
  }

  mock_resource "aws_default_route_table" {
    defaults = { route = [] }
  }
}

run "accepts_the_endpoint" {
  command = plan

  module {
    source = "./examples/postgres"
  }

  assert {
    condition     = length(aws_vpc_endpoint.secrets_manager) == 1
    error_message = "The function's way to Secrets Manager is an endpoint."
  }
}

run "accepts_a_nat_gateway_without_the_endpoint" {
  command = plan

  module {
    source = "./examples/postgres"
  }

  variables {
    secrets_manager_endpoint = false
  }

  override_resource {
    target          = aws_default_route_table.this
    override_during = plan

    values = { route = [{ cidr_block = "0.0.0.0/0", gateway_id = "", nat_gateway_id = "nat-0123456789abcdef0" }] }
  }

  assert {
    condition     = length(aws_vpc_endpoint.secrets_manager) == 0
    error_message = "The NAT gateway is enough."
  }
}

run "warns_without_any_way" {
  command = plan

  module {
    source = "./examples/postgres"
  }

  variables {
    secrets_manager_endpoint = false
  }

  expect_failures = [check.the_function_reaches_secrets_manager]
}

run "warns_of_a_route_to_an_internet_gateway" {
  command = plan

  module {
    source = "./examples/postgres"
  }

  variables {
    secrets_manager_endpoint = false
  }

  override_resource {
    target          = aws_default_route_table.this
    override_during = plan

    values = { route = [{ cidr_block = "0.0.0.0/0", gateway_id = "igw-0123456789abcdef0", nat_gateway_id = "" }] }
  }

  expect_failures = [check.the_function_reaches_secrets_manager]
}
