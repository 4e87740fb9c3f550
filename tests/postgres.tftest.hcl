# The network of examples/postgres: its security groups, and whether the function has a way to Secrets Manager.

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

  override_resource {
    target = aws_security_group.database
    values = { id = "sg-0000000000000000d" }
  }

  override_resource {
    target = aws_security_group.endpoint
    values = { id = "sg-0000000000000000e" }
  }

  override_resource {
    target = aws_security_group.function
    values = { id = "sg-0000000000000000f" }
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

  assert {
    condition = jsonencode([
      for rule in [
        aws_vpc_security_group_egress_rule.function_to_database,
        aws_vpc_security_group_egress_rule.function_to_secrets_manager,
      ] : [rule.security_group_id, rule.cidr_ipv4, rule.referenced_security_group_id, rule.ip_protocol, rule.from_port, rule.to_port]
      ]) == jsonencode([
      ["sg-0000000000000000f", null, "sg-0000000000000000d", "tcp", 5432, 5432],
      ["sg-0000000000000000f", null, "sg-0000000000000000e", "tcp", 443, 443],
    ])
    error_message = "The function's group must allow connections to the database and to the endpoint, and no others."
  }

  assert {
    condition = jsonencode([
      for rule in concat(
        [aws_vpc_security_group_ingress_rule.database_from_function],
        aws_vpc_security_group_ingress_rule.endpoint_from_function,
      ) : [rule.security_group_id, rule.cidr_ipv4, rule.referenced_security_group_id, rule.ip_protocol, rule.from_port, rule.to_port]
      ]) == jsonencode([
      ["sg-0000000000000000d", null, "sg-0000000000000000f", "tcp", 5432, 5432],
      ["sg-0000000000000000e", null, "sg-0000000000000000f", "tcp", 443, 443],
    ])
    error_message = "The groups of the database and of the endpoint must allow connections of the function, and no others."
  }

  assert {
    condition = (
      aws_db_instance.this.vpc_security_group_ids == toset(["sg-0000000000000000d"])
      && aws_vpc_endpoint.secrets_manager[0].security_group_ids == toset(["sg-0000000000000000e"])
    )
    error_message = "The database and the endpoint must each have the group with its rule."
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

  assert {
    condition = jsonencode([
      for rule in [
        aws_vpc_security_group_egress_rule.function_to_database,
        aws_vpc_security_group_egress_rule.function_to_secrets_manager,
      ] : [rule.security_group_id, rule.cidr_ipv4, rule.referenced_security_group_id, rule.ip_protocol, rule.from_port, rule.to_port]
      ]) == jsonencode([
      ["sg-0000000000000000f", null, "sg-0000000000000000d", "tcp", 5432, 5432],
      ["sg-0000000000000000f", "0.0.0.0/0", null, "tcp", 443, 443],
    ])
    error_message = "The function's group must allow connections to the database, and to each address of Secrets Manager."
  }

  assert {
    condition = jsonencode([
      for rule in concat(
        [aws_vpc_security_group_ingress_rule.database_from_function],
        aws_vpc_security_group_ingress_rule.endpoint_from_function,
      ) : [rule.security_group_id, rule.cidr_ipv4, rule.referenced_security_group_id, rule.ip_protocol, rule.from_port, rule.to_port]
    ]) == jsonencode([["sg-0000000000000000d", null, "sg-0000000000000000f", "tcp", 5432, 5432]])
    error_message = "Only the database's group must allow connections of the function."
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
