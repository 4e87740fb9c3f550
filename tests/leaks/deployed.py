"""A secret of each strategy, deployed and brought through its failures; every value is noted."""

import contextlib
import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from rotation.strategies import REGISTRY
from testing.harness.account import Rotation, Secret, eventually, step_records
from testing.local_aws import LocalAws
from testing.local_github import LocalGitHub
from tests.leaks.places import workers

_NEVER_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """One secret, after its first rotation."""

    aws: LocalAws
    outputs: Mapping[str, Any]
    secret: Secret
    marks: set[str] = field(repr=False)
    """What a person has put."""

    def failure(self, rotation: Rotation) -> str:
        """Wait until a step has failed, and say why."""

        def failed() -> list[str]:
            records = step_records(self.aws, self.outputs["log_group_name"])
            return [
                record["error"]
                for record in records
                if record["version_id"] == rotation.token and record["outcome"] == "failed"
            ]

        return eventually("The failure", failed)[-1]

    def mark(self) -> str:
        """Make a text that nobody else writes."""
        mark = uuid.uuid4().hex
        self.marks.add(mark)
        return mark


Failure: TypeAlias = Callable[[Deployed], None]
"""Lets a rotation fail, and in the end succeed."""


def denied(action: str) -> Failure:
    """Deny the function's role one action for the length of a rotation."""

    def fail(deployed: Deployed) -> None:
        iam = deployed.aws.client("iam")
        inline = {"RoleName": deployed.outputs["function_role_name"], "PolicyName": "denied"}
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(**inline, PolicyDocument=json.dumps(document))
        rotation = deployed.secret.rotate()
        assert deployed.failure(rotation) == "PermissionDenied"
        iam.delete_role_policy(**inline)
        _complete(deployed, rotation)

    return fail


def killed(deployed: Deployed) -> None:
    """Kill the process in an invocation, which it has begun but cannot get on with."""
    (pid,) = _pids(deployed)
    os.kill(pid, signal.SIGSTOP)
    rotation = deployed.secret.rotate()
    os.kill(pid, signal.SIGKILL)
    _complete(deployed, rotation)


def killed_after_issuing(deployed: Deployed) -> None:
    """Kill the process while it waits for the new key to be accepted."""
    iam, name = deployed.aws.client("iam"), {"UserName": deployed.secret.value()["UserName"]}

    def keys() -> set[str]:
        found = iam.list_access_keys(**name)["AccessKeyMetadata"]
        return {key["AccessKeyId"] for key in found}

    before = keys()
    (pid,) = _pids(deployed)
    with deployed.aws.switched(key_propagation_seconds=_NEVER_SECONDS):
        rotation = deployed.secret.rotate()
        eventually("The new key", lambda: keys() - before)
        os.kill(pid, signal.SIGKILL)
        eventually("The death", lambda: pid not in _pids(deployed))
    _complete(deployed, rotation)


def _pids(deployed: Deployed) -> set[int]:
    name = deployed.outputs["function_name"]
    return {worker.pid for worker in workers() if worker.function == name}


def _complete(deployed: Deployed, rotation: Rotation) -> None:
    """Ask for the rotation until it is done: while the failed try is not over, that starts none."""
    client = deployed.aws.client("secretsmanager")

    def done() -> bool:
        if deployed.secret.has_rotated(rotation):
            return True
        with contextlib.suppress(client.exceptions.InvalidRequestException):
            client.rotate_secret(
                SecretId=deployed.secret.secret_id, ClientRequestToken=rotation.token
            )
        return False

    eventually("The rotation", done)


def wrong_content(make: Callable[[str], str]) -> Failure:
    """Put a value that is not of the strategy by hand, and then the right one again."""

    def fail(deployed: Deployed) -> None:
        right = deployed.secret.text()
        assert right is not None
        _put(deployed, make(deployed.mark()))
        rotation = deployed.secret.rotate()
        assert deployed.failure(rotation) == "ConfigurationError"
        _put(deployed, right)
        deployed.secret.rotate_and_wait()

    return fail


def _put(deployed: Deployed, text: str) -> None:
    """Put a value after the last rotation, done or not, which would be taken up again."""
    pending = deployed.secret.holder("AWSPENDING")
    if pending is not None:
        deployed.secret.give_up(Rotation(pending, None))
    deployed.secret.put(text)


def foreign_key(deployed: Deployed) -> None:
    """Let a person make a key in the place of the previous one."""
    iam, value = deployed.aws.client("iam"), deployed.secret.value()
    name = {"UserName": value["UserName"]}
    for key in iam.list_access_keys(**name)["AccessKeyMetadata"]:
        if key["AccessKeyId"] != value["AccessKeyId"]:
            iam.delete_access_key(**name, AccessKeyId=key["AccessKeyId"])
    foreign = iam.create_access_key(**name)["AccessKey"]["AccessKeyId"]
    rotation = deployed.secret.rotate()
    assert deployed.failure(rotation) == "ForeignCredential"
    iam.delete_access_key(**name, AccessKeyId=foreign)
    _complete(deployed, rotation)


_ANY: Final[Mapping[str, Failure]] = {
    "promotion-denied": denied("secretsmanager:UpdateSecretVersionStage"),
    "killed": killed,
}
# What all have in common is shown with one of them, and by `make test-slow` with the others.
_ANY_SLOW: Final[Mapping[str, Failure]] = {
    **_ANY,
    "describe-denied": denied("secretsmanager:DescribeSecret"),
    "get-denied": denied("secretsmanager:GetSecretValue"),
    "put-denied": denied("secretsmanager:PutSecretValue"),
}


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """How a strategy is deployed, what of its values is secret, and how it may fail."""

    rotation: Mapping[str, object]
    """Its options, in Terraform's JSON."""
    secret_parts: Callable[[str], set[str]]
    """What of a value may stand nowhere but in the secret."""
    issued: Callable[[LocalAws, LocalGitHub], AbstractSet[str]]
    """What the service has ever issued, stored or not."""
    failures: Mapping[str, Failure]
    slow_failures: Mapping[str, Failure]
    variables: Mapping[str, object] = field(default_factory=dict)


def _field(name: str) -> Callable[[str], set[str]]:
    def read(text: str) -> set[str]:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return {json.loads(text)[name]}
        return set()

    return read


STRATEGIES: Final[Mapping[str, Strategy]] = {
    "custom": Strategy(
        rotation={
            "source_file": "${path.module}/../examples/custom/rotate.py",
            "options": '${merge(var.redis, { user = "leaks" })}',
            "statements": {
                "ReadTheAdministrator": {
                    "actions": ["secretsmanager:GetSecretValue"],
                    "resource": "${var.redis.administrator_secret_arn}",
                }
            },
        },
        secret_parts=_field("password"),
        issued=lambda *_: frozenset(),
        failures={
            "wrong-content": wrong_content(lambda mark: json.dumps({"password": mark})),
        },
        slow_failures={
            **_ANY_SLOW,
            "text": wrong_content(lambda mark: mark),
        },
    ),
    "github_app_token": Strategy(
        rotation={
            "api_url": "${var.github.api_url}",
            "client_id": "${var.github.client_id}",
            "installation_id": "${var.github.installation_id}",
            "kms_key_arn": "${var.github.kms_key_arn}",
            "permissions": {"contents": "read"},
            "repositories": ["reports"],
        },
        secret_parts=_field("token"),
        issued=lambda _, github: {token.value for token in github.tokens},
        failures={
            "wrong-content": wrong_content(lambda mark: json.dumps({"token": mark})),
        },
        slow_failures={
            **_ANY_SLOW,
            "sign-denied": denied("kms:Sign"),
            "text": wrong_content(lambda mark: mark),
        },
        variables={"minimum_overlap_minutes": None, "schedule_expression": "rate(30 minutes)"},
    ),
    "github_deploy_key": Strategy(
        rotation={
            "api_url": "${var.github.api_url}",
            "app": {
                "client_id": "${var.github.client_id}",
                "installation_id": "${var.github.installation_id}",
                "kms_key_arn": "${var.github.kms_key_arn}",
            },
            "repository": "octo-org/reports",
        },
        # Lines, which end differently from place to place; the fifth is the private half's alone.
        secret_parts=lambda text: {
            part.splitlines()[4] if "\n" in part else part for part in _field("private_key")(text)
        },
        # What the App asks for, to add and remove the keys.
        issued=lambda _, github: {token.value for token in github.tokens},
        failures={
            "wrong-content": wrong_content(lambda mark: json.dumps({"private_key": mark})),
        },
        slow_failures={
            **_ANY_SLOW,
            "sign-denied": denied("kms:Sign"),
            "text": wrong_content(lambda mark: mark),
        },
    ),
    "iam_access_key": Strategy(
        rotation={
            "ses_smtp": True,
            "settling_seconds": 0,
            "user_name": "${aws_iam_user.rotated.name}",
            "user_path": "${aws_iam_user.rotated.path}",
        },
        secret_parts=lambda text: _field("SecretAccessKey")(text) | _field("SmtpPassword")(text),
        issued=lambda aws, _: aws.issued(),
        failures={
            **_ANY,
            "killed-after-issuing": killed_after_issuing,
            "foreign-key": foreign_key,
            "wrong-content": wrong_content(lambda mark: json.dumps({"SecretAccessKey": mark})),
        },
        slow_failures={
            **_ANY_SLOW,
            "create-denied": denied("iam:CreateAccessKey"),
            "delete-denied": denied("iam:DeleteAccessKey"),
            "list-denied": denied("iam:ListAccessKeys"),
            "record-denied": denied("secretsmanager:TagResource"),
            "text": wrong_content(lambda mark: mark),
            "truncated": wrong_content(lambda mark: f'{{"SecretAccessKey": "{mark}"'),
            "name": wrong_content(lambda mark: json.dumps({mark: "name"})),
            "another-user": wrong_content(
                lambda mark: json.dumps(
                    {"AccessKeyId": "A" * 20, "SecretAccessKey": mark, "UserName": "another"}
                )
            ),
        },
    ),
    "iam_service_credential": Strategy(
        rotation={
            "endpoint": "${var.endpoint}",
            "service_name": "bedrock.amazonaws.com",
            "settling_seconds": 0,
            "user_name": "${aws_iam_user_policy.rotated.user}",
            "user_path": "${aws_iam_user.rotated.path}",
        },
        secret_parts=_field("ServiceCredentialSecret"),
        issued=lambda aws, _: aws.issued(),
        failures={
            "wrong-content": wrong_content(
                lambda mark: json.dumps({"ServiceCredentialSecret": mark})
            ),
        },
        slow_failures={
            **_ANY_SLOW,
            "create-denied": denied("iam:CreateServiceSpecificCredential"),
            "delete-denied": denied("iam:DeleteServiceSpecificCredential"),
            "list-denied": denied("iam:ListServiceSpecificCredentials"),
            "record-denied": denied("secretsmanager:TagResource"),
            "text": wrong_content(lambda mark: mark),
        },
    ),
    "random_value": Strategy(
        rotation={},
        secret_parts=lambda text: {text},
        issued=lambda *_: frozenset(),
        failures={
            "wrong-content": wrong_content(lambda mark: json.dumps({"password": mark})),
        },
        slow_failures={
            **_ANY_SLOW,
            "name": wrong_content(lambda mark: json.dumps({mark: "name"})),
        },
        variables={"initial_value": "${var.value}", "initial_value_version": 1},
    ),
}
# A strategy without its entry would stay outside of the search.
assert set(REGISTRY) == STRATEGIES.keys()

_ACCOUNT: Final = """
variable "github" {
  type = object({
    api_url         = string
    client_id       = string
    installation_id = number
    kms_key_arn     = string
  })
}

variable "redis" {
  type = object({
    administrator_secret_arn = string
    host                     = string
    port                     = string
  })
}

variable "layer" {
  type = string
}

resource "aws_lambda_layer_version" "cryptography" {
  layer_name = "leaks-cryptography"
  filename   = var.layer
}

variable "topic" {
  type = string
}

variable "value" {
  type      = string
  ephemeral = true
}

variable "endpoint" {
  type = string
}

resource "aws_iam_user" "rotated" {
  name          = "leaks"
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
"""


def root() -> Iterator[tuple[str, str]]:
    """Write the files of a root with a secret of each strategy, and a fixed one."""
    common = {"source": "../", "recovery_window_in_days": 0}
    rotated = {
        name: {
            **common,
            "name": f"leaks/{name}",
            "alarm_actions": ["${var.topic}"],
            # Whatever a library of the function would say stands in the log.
            "function": {
                "layers": ["${aws_lambda_layer_version.cryptography.arn}"],
                "log_level": "DEBUG",
            },
            "minimum_overlap_minutes": 0,
            "rotation": {name: strategy.rotation},
            **strategy.variables,
        }
        for name, strategy in STRATEGIES.items()
    }
    fixed = {
        **common,
        "name": "leaks/fixed",
        "initial_value": "${var.value}",
        "initial_value_version": 1,
    }
    modules = {**rotated, "fixed": fixed}
    outputs = {name: {"value": f"${{module.{name}}}"} for name in modules}
    yield "main.tf", _ACCOUNT
    yield "modules.tf.json", json.dumps({"module": modules, "output": outputs})


def values(secret: Secret, aws: LocalAws) -> Iterator[str]:
    """Read every value that a secret still holds, under whatever label, or none."""
    client = aws.client("secretsmanager")
    listed = client.list_secret_version_ids(SecretId=secret.secret_id, IncludeDeprecated=True)
    for version in listed["Versions"]:
        text = secret.text(version["VersionId"])
        if text is not None:
            yield text
