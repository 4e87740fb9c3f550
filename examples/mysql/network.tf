# A network without a way to the internet. The function reaches the database, and Secrets Manager through an endpoint.

data "aws_availability_zones" "this" {
  #checkov:skip=CKV_AWS_394:The example uses the first two zones, and a new zone gets the next letter
  state = "available"
}

data "aws_region" "this" {}

resource "aws_vpc" "this" {
  #checkov:skip=CKV2_AWS_11:An example without flow logs is shorter
  cidr_block           = "10.0.0.0/24"
  enable_dns_hostnames = true # The endpoint needs both for its private DNS name.
  enable_dns_support   = true
}

# AWS makes this group. Without a rule, it allows nothing.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

# RDS requires two zones.
resource "aws_subnet" "private" {
  count = 2

  availability_zone = data.aws_availability_zones.this.names[count.index]
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 2, count.index)
  vpc_id            = aws_vpc.this.id
}

# The route table of all subnets without one of their own. Without a route, it leads nowhere outside of the VPC.
resource "aws_default_route_table" "this" {
  default_route_table_id = aws_vpc.this.default_route_table_id
}

resource "aws_security_group" "function" {
  #checkov:skip=CKV2_AWS_5:The function of the module has it
  name        = "shop-rotation"
  description = "The rotation function"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "database" {
  name        = "shop-database"
  description = "The database"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "endpoint" {
  count = var.secrets_manager_endpoint ? 1 : 0

  name        = "shop-endpoint"
  description = "The endpoint of Secrets Manager"
  vpc_id      = aws_vpc.this.id
}

# Both directions: a connection must be allowed to leave one group and to enter the other.
resource "aws_vpc_security_group_egress_rule" "function_to_database" {
  description                  = "MySQL"
  from_port                    = var.port
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.database.id
  security_group_id            = aws_security_group.function.id
  to_port                      = var.port
}

resource "aws_vpc_security_group_ingress_rule" "database_from_function" {
  description                  = "MySQL"
  from_port                    = var.port
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.function.id
  security_group_id            = aws_security_group.database.id
  to_port                      = var.port
}

# A NAT gateway has no security group: without the endpoint, the rule allows every address.
resource "aws_vpc_security_group_egress_rule" "function_to_secrets_manager" {
  cidr_ipv4                    = var.secrets_manager_endpoint ? null : "0.0.0.0/0"
  description                  = "Secrets Manager"
  from_port                    = 443
  ip_protocol                  = "tcp"
  referenced_security_group_id = one(aws_security_group.endpoint[*].id)
  security_group_id            = aws_security_group.function.id
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "endpoint_from_function" {
  count = var.secrets_manager_endpoint ? 1 : 0

  description                  = "Secrets Manager"
  from_port                    = 443
  ip_protocol                  = "tcp"
  referenced_security_group_id = aws_security_group.function.id
  security_group_id            = aws_security_group.endpoint[0].id
  to_port                      = 443
}

# The private DNS name is the public one of Secrets Manager, so the function needs no setting.
resource "aws_vpc_endpoint" "secrets_manager" {
  count = var.secrets_manager_endpoint ? 1 : 0

  private_dns_enabled = true
  security_group_ids  = aws_security_group.endpoint[*].id
  service_name        = "com.amazonaws.${data.aws_region.this.id}.secretsmanager"
  subnet_ids          = aws_subnet.private[*].id
  vpc_endpoint_type   = "Interface"
  vpc_id              = aws_vpc.this.id
}

# A rotation without a way to Secrets Manager ends in a timeout, which doesn't say why.
check "the_function_reaches_secrets_manager" {
  assert {
    condition = anytrue(concat(
      aws_vpc_endpoint.secrets_manager[*].private_dns_enabled,
      # A function in a VPC has no public address, so an internet gateway leads nowhere.
      [for route in aws_default_route_table.this.route :
        route.cidr_block == "0.0.0.0/0" && !startswith(route.gateway_id, "igw-")
      ],
    ))
    error_message = "The function must have a way to Secrets Manager: an interface endpoint with private_dns_enabled, or a default route that doesn't lead to an internet gateway. Set secrets_manager_endpoint = true, or add a NAT gateway and a route to it. Found: neither."
  }
}
