"""A secret of each strategy, deployed with every option that adds a grant.

The subnets have no route. In a real account, they would need one to the services.
"""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import pytest

from testing.databases.mysql_server import MySQLServer
from testing.databases.postgresql import PostgreSQL
from testing.harness.account import Aws, Secret
from testing.harness.mysql import mysql_users
from testing.harness.postgresql import postgresql_users
from testing.harness.terraform import Terraform, checkout, instance_outputs, instances
from testing.local_aws import LocalAws
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from testing.local_redis import LocalRedis
from tests.e2e.databases import ITSELF
from tests.e2e.github import app, layer
from tests.e2e.redis import redis_users
from tests.e2e.roles import RESPONDER, Deployed
from tests.e2e.scenarios import REVOKE
from tests.selection import Rotators
from tests.strategies import ROTATORS, RotatorUnderTest, case

# `make test` shows with one strategy what all have in common; `make test-slow` shows it with each.
IN_COMMON: Final = [
    case(one, marks=[] if one.represents_all else [pytest.mark.slow]) for one in ROTATORS
]
Variants: TypeAlias = Sequence[tuple[RotatorUnderTest, str]]
# `make test` deploys the last one, and `make test-slow` all.
VARIANTS: Final[Variants] = [(one, name) for one in ROTATORS for name in one.grants.variants]

_VARIABLES: Final = (
    *("administrator_secret_arn", "host", "port"),
    *("api_url", "client_id", "installation_id", "kms_key_arn"),
)
_ACCOUNT: Final = """
data "aws_caller_identity" "current" {}

data "aws_iam_session_context" "current" {
  arn = data.aws_caller_identity.current.arn
}

resource "aws_kms_key" "this" {
  deletion_window_in_days = 7
}

variable "token" {
  type      = string
  ephemeral = true
}

resource "aws_secretsmanager_secret" "token" {
  name                    = "grants/token"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "token" {
  secret_id                = aws_secretsmanager_secret.token.id
  secret_string_wo         = var.token
  secret_string_wo_version = 1
}

variable "layer" {
  type = string
}

resource "aws_lambda_layer_version" "cryptography" {
  layer_name = "grants-cryptography"
  filename   = var.layer
}

resource "aws_vpc" "this" {
  cidr_block = "10.92.0.0/24"
}

resource "aws_subnet" "this" {
  cidr_block = "10.92.0.0/28"
  vpc_id     = aws_vpc.this.id
}

resource "aws_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_iam_user" "rotated" {
  name          = "grants"
  path          = "/apps/"
  force_destroy = true
}

resource "aws_iam_user_policy" "rotated" {
  name = "bedrock"
  user = aws_iam_user.rotated.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["bedrock:CallWithBearerToken", "bedrock:ListFoundationModels"]
      Resource = "*"
    }]
  })
}

variable "endpoint" {
  type    = string
  default = null
}

resource "aws_iam_user" "outsider" {
  name          = "grants-outsider"
  path          = "/apps/"
  force_destroy = true
}

resource "aws_iam_user" "reader" {
  name          = "grants-reader"
  path          = "/apps/"
  force_destroy = true
}

output "key_arn" {
  value = aws_kms_key.this.arn
}

output "outsider" {
  value = aws_iam_user.outsider.name
}

output "reader" {
  value = aws_iam_user.reader.name
}

output "user" {
  value = aws_iam_user.rotated.name
}
"""


def _revocation(strategy: RotatorUnderTest) -> dict[str, object]:
    supported = REVOKE.items() <= strategy.grants.scenarios.items()
    responders = ["${aws_iam_user.reader.arn}"]
    return {"revocation": {"responders": responders}} if supported else {}


def _root(rotators: Rotators, variants: Variants) -> dict[str, object]:
    calls = {
        one.name: {
            "name": f"grants/{one.name}",
            "administrators": ["${data.aws_iam_session_context.current.issuer_arn}"],
            "function": {
                "layers": ["${aws_lambda_layer_version.cryptography.arn}"],
                "tracing_mode": "Active",
                "vpc": {
                    "security_group_ids": ["${aws_security_group.this.id}"],
                    "subnet_ids": ["${aws_subnet.this.id}"],
                },
            },
            "kms_key_arn": "${aws_kms_key.this.arn}",
            "minimum_overlap_minutes": 0,
            "readers": ["${aws_iam_user.reader.arn}"],
            "readers_exclusive": True,
            "recovery_window_in_days": 0,
            "rotation": {one.name: one.grants.rotation},
            **_revocation(one),
            **one.grants.variables,
        }
        for one in rotators
    }
    calls |= {
        name: {
            "name": f"grants/{name}",
            "minimum_overlap_minutes": 0,
            "recovery_window_in_days": 0,
            "rotation": {one.name: one.grants.variants[name].rotation},
            **one.grants.variants[name].variables,
        }
        for one, name in variants
    }
    return {
        **instances(calls, source="../"),
        "output": instance_outputs(calls),
        "variable": {
            **{name: {} for name in _VARIABLES},
            "database": {"type": "map(string)"},
            "mysql": {"type": "map(string)"},
        },
    }


@dataclass(frozen=True, kw_only=True)
class Estate:
    """All secrets, and what they share."""

    key_arn: str
    app_key_arn: str
    outsider: str
    reader: str
    secrets: Mapping[str, Deployed]
    variants: Mapping[str, Deployed]
    user: str


@contextlib.contextmanager
def applied(
    rotators: Rotators,
    variants: Variants,
    aws: Aws,
    github: LocalGitHub,
    logins: LocalLogins | None,
    redis: LocalRedis,
    postgresql: PostgreSQL,
    mysql: MySQLServer,
) -> Iterator[Estate]:
    """Deploy everything, and rotate each secret twice."""
    with (
        checkout() as folder,
        app(aws, github, "grants/reports") as variables,
        redis_users(aws, redis, "grants", administrator="grants/administrator") as place,
        postgresql_users(
            aws, postgresql, "grants", ITSELF, administrator="grants/dba", encrypted=True
        ) as database,
        mysql_users(
            aws, mysql, "grants", ITSELF, administrator="grants/mysql-dba", encrypted=True
        ) as mysql_options,
    ):
        first = secrets.token_hex(16)
        postgresql.statement(f"ALTER ROLE \"{ITSELF}\" PASSWORD '{first}'")
        mysql.statement(
            f"ALTER USER `{ITSELF}` IDENTIFIED BY '{first}'; "
            f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO `{ITSELF}`"
        )
        (folder / "grants").mkdir()
        (folder / "grants" / "main.tf").write_text(_ACCOUNT)
        (folder / "grants" / "modules.tf.json").write_text(json.dumps(_root(rotators, variants)))
        (repository,) = (one for one in github.repositories if one.full_name == "grants/reports")
        token = github.add_personal_token(
            "mona", permissions={"administration": "write"}, repositories=[repository]
        )
        variables |= {
            **place,
            "database": {**database, "password": first},
            "mysql": {**mysql_options, "password": first},
        }
        variables |= {"layer": layer(folder), "token": token.value}
        if logins is not None:
            variables["endpoint"] = logins.endpoint
        terraform = Terraform(folder, "grants", aws.environment, variables)
        terraform.init()
        try:
            terraform.apply()
            outputs = terraform.outputs()

            def deployed(name: str) -> Deployed:
                secret = Secret(aws, outputs[name]["secret_arn"])
                secret.wait_for_a_value()
                return Deployed(aws=aws, outputs=outputs[name], secret=secret)

            of_strategies = {one.name: deployed(one.name) for one in rotators}
            # From now on each user has two keys, so that a rotation must remove one.
            rotations = [(one.secret, one.secret.rotate()) for one in of_strategies.values()]
            for secret, rotation in rotations:
                secret.wait_for(rotation)
            shared = {name: outputs[name] for name in ("key_arn", "outsider", "reader", "user")}
            assert shared["reader"] == RESPONDER
            yield Estate(
                app_key_arn=str(variables["kms_key_arn"]),
                secrets=of_strategies,
                variants={name: deployed(name) for _, name in variants},
                **shared,
            )
        finally:
            # The local AWS ends with all that it has.
            if not isinstance(aws, LocalAws):
                terraform.destroy()
