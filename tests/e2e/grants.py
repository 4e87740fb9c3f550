"""A secret of each strategy, deployed with all that adds a grant, and its role without one of them.

The subnets lead nowhere: in an account of one's own they would need a way to the services.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeAlias

import pytest
from botocore.exceptions import ClientError

from rotation.strategies import REGISTRY
from testing.harness.account import Aws, Rotation, Secret, eventually, step_records
from testing.harness.terraform import Terraform, checkout
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from testing.local_redis import LocalRedis
from tests.e2e.github import app, layer
from tests.e2e.redis import redis_users

Client: TypeAlias = Any  # boto3 makes its methods at run time.
Clients: TypeAlias = Callable[..., Client]
"""Makes clients with the credentials of one principal."""

Grant: TypeAlias = tuple[str, str]
"""The Sid of a statement, and one of its actions."""

# What each strategy is told, in Terraform's JSON.
_REDIS: Final = ("administrator_secret_arn", "host", "port")
_APP: Final = ("api_url", "client_id", "installation_id", "kms_key_arn")
_ROTATIONS: Final[Mapping[str, Mapping[str, object]]] = {
    "custom": {
        "source_file": "${path.module}/../examples/custom/rotate.py",
        "options": {
            **{name: f"${{var.{name}}}" for name in _REDIS},
            "user": "grants",
        },
        "statements": {
            "ReadTheAdministrator": {
                "actions": ["secretsmanager:GetSecretValue"],
                "resource": "${var.administrator_secret_arn}",
            }
        },
    },
    "github_app_token": {
        **{name: f"${{var.{name}}}" for name in _APP},
        "permissions": {"contents": "read"},
        "repositories": ["reports"],
        # What is not granted at GitHub is no grant of the role's.
        "revoke_previous": True,
    },
    "github_deploy_key": {
        "api_url": "${var.api_url}",
        "repository": "grants/reports",
        "token_kms_key_arn": "${aws_kms_key.this.arn}",
        "token_secret_arn": "${aws_secretsmanager_secret_version.token.arn}",
    },
    "iam_access_key": {
        "settling_seconds": 0,
        "user_name": "${aws_iam_user.rotated.name}",
        "user_path": "${aws_iam_user.rotated.path}",
    },
    "iam_service_credential": {
        "endpoint": "${var.endpoint}",
        "service_name": "bedrock.amazonaws.com",
        "settling_seconds": 0,
        "user_name": "${aws_iam_user_policy.rotated.user}",
        "user_path": "${aws_iam_user.rotated.path}",
    },
    "random_value": {},
}
# A strategy without its entry would stay outside of every test of the grants.
assert set(REGISTRY) == _ROTATIONS.keys()

# With the others, what all have in common is shown by `make test-slow`.
SHOWN_WITH: Final = "iam_access_key"
IN_COMMON: Final = [
    pytest.param(name, marks=[] if name == SHOWN_WITH else [pytest.mark.slow]) for name in REGISTRY
]

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


def _root() -> dict[str, object]:
    modules = {
        name: {
            "source": "../",
            "name": f"grants/{name}",
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
            "minimum_overlap_minutes": None if name == "github_app_token" else 0,
            "readers": ["${aws_iam_user.reader.arn}"],
            "readers_exclusive": True,
            "recovery_window_in_days": 0,
            "rotation": {name: options},
        }
        for name, options in _ROTATIONS.items()
    }
    outputs = {name: {"value": f"${{module.{name}}}"} for name in modules}
    return {
        "module": modules,
        "output": outputs,
        "variable": {name: {} for name in (*_APP, *_REDIS)},
    }


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """An applied secret, after its first rotation."""

    aws: Aws
    outputs: dict[str, Any]
    secret: Secret

    @property
    def role(self) -> str:
        return str(self.outputs["function_role_name"])

    def records(self, rotation: Rotation) -> list[dict[str, Any]]:
        logged = step_records(self.aws, self.outputs["log_group_name"])
        return [record for record in logged if record.get("version_id") == rotation.token]

    def wait_for_failure(self, rotation: Rotation) -> dict[str, Any]:
        """Wait until a step has failed, and return its record."""

        def failed() -> list[dict[str, Any]]:
            return [one for one in self.records(rotation) if one["outcome"] == "failed"]

        return eventually("The failure", failed)[-1]


@dataclass(frozen=True, kw_only=True)
class Estate:
    """All of them, and what they share."""

    key_arn: str
    app_key_arn: str
    outsider: str
    reader: str
    secrets: Mapping[str, Deployed]
    user: str


@contextlib.contextmanager
def applied(
    aws: Aws, github: LocalGitHub, logins: LocalLogins | None, redis: LocalRedis
) -> Iterator[Estate]:
    """Deploy everything, and wait until each secret was rotated twice."""
    with (
        checkout() as folder,
        app(aws, github, "grants/reports") as variables,
        redis_users(aws, redis, "grants", administrator="grants/administrator") as place,
    ):
        (folder / "grants").mkdir()
        (folder / "grants" / "main.tf").write_text(_ACCOUNT)
        (folder / "grants" / "modules.tf.json").write_text(json.dumps(_root()))
        (repository,) = (one for one in github.repositories if one.full_name == "grants/reports")
        token = github.add_personal_token(
            "mona", permissions={"administration": "write"}, repositories=[repository]
        )
        variables |= {**place, "layer": layer(folder), "token": token.value}
        if logins is not None:
            variables["endpoint"] = logins.endpoint
        terraform = Terraform(folder, "grants", aws.environment, variables)
        terraform.init()
        try:
            terraform.apply()
            outputs = terraform.outputs()
            secrets = {
                name: Deployed(
                    aws=aws, outputs=outputs[name], secret=Secret(aws, outputs[name]["secret_arn"])
                )
                for name in _ROTATIONS
            }
            for deployed in secrets.values():
                deployed.secret.wait_for_a_value()
                # From now on a user has its two keys, and a rotation has to make room.
                deployed.secret.rotate_and_wait()
            shared = {name: outputs[name] for name in ("key_arn", "outsider", "reader", "user")}
            yield Estate(app_key_arn=str(variables["kms_key_arn"]), secrets=secrets, **shared)
        finally:
            terraform.destroy()


def error_code(call: Callable[..., object], **arguments: object) -> str:
    """Return the code of the error that a call is answered with; empty if it succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def clients_with(aws: Aws, key: Mapping[str, str]) -> Clients:
    """Act with other credentials; making a client takes longer than any call."""
    make = partial(
        aws.client,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
    )
    return cache(make)


@contextlib.contextmanager
def acting(aws: Aws, user: str, *statements: Mapping[str, object]) -> Iterator[Clients]:
    """Act as a user who may what the statements say, for the length of the block."""
    iam, inline = aws.client("iam"), {"UserName": user, "PolicyName": "acting"}
    if statements:
        document = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(**inline, PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    clients = clients_with(aws, key)
    known = clients("sts").get_caller_identity
    try:
        # A new key is accepted by one and refused by the next for a while.
        eventually("The key", lambda: all(error_code(known) == "" for _ in range(10)))
        yield clients
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        if statements:
            iam.delete_user_policy(**inline)


def granted(aws: Aws, role: str) -> set[Grant]:
    """Return everything that one of the role's own policies allows."""
    return {
        (statement["Sid"], action)
        for document in _policies(aws, role).values()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


@contextlib.contextmanager
def without(aws: Aws, role: str, grant: Grant) -> Iterator[None]:
    """Take one action out of one statement for the length of the block."""
    iam = aws.client("iam")
    (name, whole), *others = (
        (name, document)
        for name, document in _policies(aws, role).items()
        if grant[0] in {statement["Sid"] for statement in document["Statement"]}
    )
    assert not others
    kept = [_less(statement, grant) for statement in whole["Statement"]]
    kept = [statement for statement in kept if statement["Action"]]
    inline = {"RoleName": role, "PolicyName": name}
    if kept:
        iam.put_role_policy(**inline, PolicyDocument=json.dumps({**whole, "Statement": kept}))
    else:  # A policy without a statement is none.
        iam.delete_role_policy(**inline)
    assert grant not in granted(aws, role)
    try:
        yield
    finally:
        iam.put_role_policy(**inline, PolicyDocument=json.dumps(whole))


def _policies(aws: Aws, role: str) -> dict[str, Any]:
    iam = aws.client("iam")
    return {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }


def _less(statement: dict[str, Any], grant: Grant) -> dict[str, Any]:
    sid, action = grant
    if statement["Sid"] != sid:
        return statement
    return {**statement, "Action": [one for one in statement["Action"] if one != action]}
