"""Deployed roles: what each is granted, and how a test acts as one."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, TypeAlias

from botocore.exceptions import ClientError

from testing.harness.account import Aws, Rotation, Secret, eventually, step_records
from testing.local_aws import LocalAws

Client: TypeAlias = Any  # boto3 makes its methods at run time.
Clients: TypeAlias = Callable[..., Client]
"""Makes clients with the credentials of one principal."""

Grant: TypeAlias = tuple[str, str]
"""The Sid of a statement, and one of its actions."""


RESPONDER: Final = "grants-reader"
"""The user of `estate.py` that may report a leak."""


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


def error_code(call: Callable[..., object], **arguments: object) -> str:
    """Return the error code of a call; empty if the call succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def clients_with(aws: Aws, key: Mapping[str, str]) -> Clients:
    """Make clients with other credentials, each once: to make one takes longer than any call."""
    make = partial(
        aws.client,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
    )
    return cache(make)


@contextlib.contextmanager
def acting(aws: Aws, user: str, *statements: Mapping[str, object]) -> Iterator[Clients]:
    """Act as a user with these statements until the block ends."""
    iam, inline = aws.client("iam"), {"UserName": user, "PolicyName": "acting"}
    if statements:
        document = {"Version": "2012-10-17", "Statement": statements}
        iam.put_user_policy(**inline, PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=user)["AccessKey"]
    clients = clients_with(aws, key)
    known = clients("sts").get_caller_identity
    try:
        # For a while, some servers accept a new key and others reject it.
        eventually("The key", lambda: all(error_code(known) == "" for _ in range(10)))
        yield clients
    finally:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        if statements:
            iam.delete_user_policy(**inline)


@contextlib.contextmanager
def responding(deployed: Deployed) -> Iterator[Client]:
    """Act as a responder to a leak, with the policy of the module's output alone."""
    policy = json.loads(deployed.outputs["responder_policy_json"])
    with acting(deployed.aws, RESPONDER, *policy["Statement"]) as clients:
        yield clients("secretsmanager")


def as_role(aws: Aws, role: str) -> Clients:
    """Make clients of a role that only Lambda may assume: the administrator assumes it once."""
    iam, sts = aws.client("iam"), aws.client("sts")
    held = iam.get_role(RoleName=role)["Role"]
    trust = held["AssumeRolePolicyDocument"]
    (lambdas,) = trust["Statement"]
    ours = {**lambdas, "Sid": "Us", "Principal": {"AWS": sts.get_caller_identity()["Arn"]}}
    assume = {"RoleArn": held["Arn"], "RoleSessionName": "neighbours"}
    assert error_code(sts.assume_role, **assume) == "AccessDenied"
    widened = json.dumps({**trust, "Statement": [lambdas, ours]})
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=widened)
    try:
        eventually("The trust", lambda: error_code(sts.assume_role, **assume) == "")
        key = sts.assume_role(**assume)["Credentials"]
    finally:
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust))
    return clients_with(aws, key)


def granted(aws: Aws, role: str) -> set[Grant]:
    """Return everything that the role's own policies allow."""
    return {
        (statement["Sid"], action)
        for document in _policies(aws, role).values()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


@contextlib.contextmanager
def denied_at_once(aws: Aws) -> Iterator[None]:
    """Skip the pauses after which a function repeats a denied call; a real account can't."""
    with aws.switched(functions_longest_sleep=0) if isinstance(aws, LocalAws) else nullcontext():
        yield


@contextlib.contextmanager
def without(aws: Aws, role: str, grant: Grant) -> Iterator[None]:
    """Remove one action from one statement until the block ends."""
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
    else:  # A policy must have a statement.
        iam.delete_role_policy(**inline)
    assert grant not in granted(aws, role)
    try:
        with denied_at_once(aws):
            yield
    finally:
        iam.put_role_policy(**inline, PolicyDocument=json.dumps(whole))


@contextlib.contextmanager
def without_deny(aws: Aws, role: str, sid: str) -> Iterator[None]:
    """Remove the statement that denies something until the block ends."""
    iam = aws.client("iam")
    ((name, whole),) = (
        (name, document)
        for name, document in _policies(aws, role).items()
        if sid in {statement["Sid"] for statement in document["Statement"]}
    )
    kept = [statement for statement in whole["Statement"] if statement["Sid"] != sid]
    inline = {"RoleName": role, "PolicyName": name}
    iam.put_role_policy(**inline, PolicyDocument=json.dumps({**whole, "Statement": kept}))
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
