"""RotateSecret and CancelRotateSecret.

https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

import contextlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    CreateSecret,
    CreateUser,
    Json,
    Rotator,
    allow,
    error_code,
    eventually,
)

STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"]
DAILY = {"AutomaticallyAfterDays": 30}

Rotate: TypeAlias = Callable[..., str]


@pytest.fixture
def rotate(secrets: Client) -> Rotate:
    """Configures and starts a rotation, and returns its token."""

    def start(arn: str, rotator: Rotator, **options: object) -> str:
        token = str(uuid.uuid4())
        arguments = {"RotationLambdaARN": rotator.arn, "RotationRules": DAILY, **options}
        secrets.rotate_secret(SecretId=arn, ClientRequestToken=token, **arguments)
        return token

    return start


def steps(records: list[Json]) -> list[str]:
    return [str(record["step"]) for record in records]


def wait_until_rotated(secrets: Client, arn: str, token: str) -> Json:
    """Wait until the rotation has ended and its date is recorded."""

    def rotated(described: Json) -> bool:
        current = "AWSCURRENT" in described.get("VersionIdsToStages", {}).get(token, [])
        return current and "LastRotatedDate" in described

    described: Json = eventually(
        "the rotation", lambda: secrets.describe_secret(SecretId=arn), rotated
    )
    return described


def pending(secrets: Client, arn: str) -> list[str]:
    described = secrets.describe_secret(SecretId=arn).get("VersionIdsToStages", {})
    return [version for version, labels in described.items() if "AWSPENDING" in labels]


def test_rotation_runs_four_steps_on_an_empty_pending_version(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """AWS: "Secrets Manager invokes the function multiple times, each time with different
    parameters." AWS: "When rotation is unsuccessful, the AWSPENDING staging label might be
    attached to an empty secret version", so the label precedes the value.
    """
    arn, rotator = create_secret(SecretString="a"), create_rotator()

    token = rotate(arn, rotator)
    wait_until_rotated(secrets, arn, token)
    records = rotator.records(4)

    assert steps(records) == STEPS
    assert {record["token"] for record in records} == {token}
    assert {record["secret_id"] for record in records} == {arn}
    assert [record["has_value"] for record in records] == [False, True, True, True]
    assert records[0]["labels"] == ["AWSPENDING"]
    assert records[0]["fields"] == ["ClientRequestToken", "RotationToken", "SecretId", "Step"]


def test_a_rotation_creates_the_first_value_of_an_empty_secret(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    arn, rotator = create_secret(), create_rotator()

    token = rotate(arn, rotator)
    wait_until_rotated(secrets, arn, token)

    assert steps(rotator.records(4)) == STEPS
    assert secrets.get_secret_value(SecretId=arn)["VersionId"] == token


def test_a_failed_step_repeats_the_whole_rotation_with_the_same_token(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """AWS: "If rotation fails, Secrets Manager retries the entire rotation process multiple
    times."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """

    tags = [{"Key": "fail-once", "Value": "testSecret"}]
    arn, rotator = create_secret(SecretString="a", Tags=tags), create_rotator()

    token = rotate(arn, rotator)
    wait_until_rotated(secrets, arn, token)
    records = rotator.records(7)

    assert steps(records) == [*STEPS[:3], *STEPS]
    assert {record["token"] for record in records} == {token}


def test_rotate_secret_is_refused_and_reattempts_an_incomplete_rotation(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """AWS: "If the AWSPENDING staging label is present but not attached to the same version as
    AWSCURRENT, then any later invocation of RotateSecret assumes that a previous rotation
    request is still in progress and returns an error."
    """

    tags = [{"Key": "fail", "Value": "setSecret"}]
    arn, rotator = create_secret(SecretString="a", Tags=tags), create_rotator()
    token = rotate(arn, rotator)
    rotator.records(2)

    refused = error_code(secrets.rotate_secret, SecretId=arn)

    assert refused == "InvalidRequestException"
    assert pending(secrets, arn) == [token]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "a"

    secrets.untag_resource(SecretId=arn, TagKeys=["fail"])
    error_code(secrets.rotate_secret, SecretId=arn)
    wait_until_rotated(secrets, arn, token)


def test_a_failed_rotation_leaves_its_pending_label(
    local: LocalAws,
    secrets: Client,
    create_secret: CreateSecret,
    create_rotator: CreateRotator,
    rotate: Rotate,
) -> None:
    tags = [{"Key": "fail", "Value": "testSecret"}]
    arn, rotator = create_secret(SecretString="a", Tags=tags), create_rotator()

    with local.switched(rotation_attempts=2, rotation_retry_seconds=0):
        token = rotate(arn, rotator)
        records = rotator.records(6)

    described = secrets.describe_secret(SecretId=arn)
    assert steps(records) == STEPS[:3] * 2
    assert described["VersionIdsToStages"][token] == ["AWSPENDING"]
    assert "LastRotatedDate" not in described


@pytest.mark.parametrize("value", [pytest.param("a", id="value"), pytest.param(None, id="empty")])
def test_rotation_that_does_not_start_immediately_tests_its_configuration(
    secrets: Client,
    create_secret: CreateSecret,
    create_rotator: CreateRotator,
    rotate: Rotate,
    value: str | None,
) -> None:
    """AWS: "If you don't immediately rotate the secret, Secrets Manager tests the rotation
    configuration by running the testSecret step of the Lambda rotation function. This test
    creates an AWSPENDING version of the secret and then removes it."
    """
    arn = create_secret(**({} if value is None else {"SecretString": value}))
    rotator = create_rotator()
    before = secrets.describe_secret(SecretId=arn).get("VersionIdsToStages")

    token = rotate(arn, rotator, RotateImmediately=False)
    (record,) = rotator.records(1)

    eventually("the end of the test", lambda: pending(secrets, arn), lambda found: not found)
    described = secrets.describe_secret(SecretId=arn)
    assert record["step"] == "testSecret"
    assert record["token"] == token
    assert record["labels"] == ["AWSPENDING"]
    assert record["has_value"] == (value is not None)
    assert record["is_current"]
    assert described.get("VersionIdsToStages") == before
    assert described["RotationEnabled"]
    assert "LastRotatedDate" not in described


def test_secrets_manager_needs_permission_to_invoke_the_function(
    account: Account, create_secret: CreateSecret, create_rotator: CreateRotator, secrets: Client
) -> None:
    """AWS: "When you add a Lambda rotation function Amazon Resource Name (ARN) to your secret,
    Secrets Manager checks the permissions of the function."
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html
    """
    arn = create_secret(SecretString="a")
    other_secret = account.arn("secretsmanager", "secret:other-??????")
    rotator = create_rotator(permission={"SourceArn": other_secret})
    functions = account.client("lambda")
    rotation = {"SecretId": arn, "RotationLambdaARN": rotator.arn, "RotationRules": DAILY}

    with_other_secret = error_code(secrets.rotate_secret, **rotation)
    functions.remove_permission(FunctionName=rotator.name, StatementId="contract")
    without = error_code(secrets.rotate_secret, **rotation)

    assert (with_other_secret, without) == ("AccessDeniedException", "AccessDeniedException")
    assert not secrets.describe_secret(SecretId=arn).get("RotationEnabled")


def test_the_permission_can_name_the_secret(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html"""
    arn = create_secret()
    rotator = create_rotator(permission={"SourceArn": f"{arn[:-6]}??????"})

    started = secrets.rotate_secret(
        SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=DAILY
    )

    wait_until_rotated(secrets, arn, started["VersionId"])


def test_the_caller_needs_permission_to_invoke_the_function(
    create_secret: CreateSecret, create_rotator: CreateRotator, create_user: CreateUser
) -> None:
    """AWS: "You also need lambda:InvokeFunction permissions on the rotation function"."""
    arn, rotator = create_secret(SecretString="a"), create_rotator()
    user = create_user(allow("secretsmanager:RotateSecret", arn))

    refused = error_code(
        user.client("secretsmanager").rotate_secret,
        SecretId=arn,
        RotationLambdaARN=rotator.arn,
        RotationRules=DAILY,
    )

    assert refused == "AccessDeniedException"


def test_a_secret_without_a_function_cannot_be_rotated(
    secrets: Client, create_secret: CreateSecret
) -> None:
    arn = create_secret(SecretString="a")

    refused = error_code(secrets.rotate_secret, SecretId=arn)

    assert refused == "InvalidRequestException"


def test_describe_secret_returns_the_dates_of_rotation(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """AWS: "The next rotation is scheduled to occur on or before this date." AWS: "If the secret
    has never been configured for rotation, Secrets Manager returns null."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    AutomaticallyAfterDays "is calculated from the rotation schedule".
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
    """
    arn = create_secret()
    never = secrets.describe_secret(SecretId=arn)
    rules = {"ScheduleExpression": "rate(10 days)", "Duration": "3h"}

    token = rotate(arn, create_rotator(), RotationRules=rules)
    described = wait_until_rotated(secrets, arn, token)

    assert "RotationEnabled" not in never
    assert described["RotationRules"] == {**rules, "AutomaticallyAfterDays": 10}
    interval = described["NextRotationDate"] - described["LastRotatedDate"]
    assert timedelta(days=9) < interval < timedelta(days=12)


def test_list_secrets_returns_what_describe_secret_returns_about_rotation(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretListEntry.html"""
    arn = create_secret()
    described = wait_until_rotated(secrets, arn, rotate(arn, create_rotator()))
    fields = ("RotationLambdaARN", "RotationRules", "LastRotatedDate", "NextRotationDate")

    def listed() -> Json:
        pages = secrets.get_paginator("list_secrets").paginate()
        (entry,) = pages.search(f"SecretList[?ARN == '{arn}']")
        return {field: entry.get(field) for field in fields}

    expected = {field: described[field] for field in fields}
    eventually("the entry", listed, lambda found: found == expected)


def test_a_cancelled_rotation_keeps_its_configuration(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """AWS: "If the secret previously had rotation turned on, but it is now turned off, this
    field shows the previous rotation schedule and rotation function."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    arn, rotator = create_secret(), create_rotator()
    wait_until_rotated(secrets, arn, rotate(arn, rotator))

    secrets.cancel_rotate_secret(SecretId=arn)

    described = secrets.describe_secret(SecretId=arn)
    assert described["RotationEnabled"] is False
    assert described["RotationLambdaARN"] == rotator.arn
    assert described["RotationRules"] == DAILY
    assert "NextRotationDate" not in described


def test_cancelling_stops_a_running_rotation(
    secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator, rotate: Rotate
) -> None:
    """AWS: "Turns off automatic rotation, and if a rotation is currently in progress, cancels
    the rotation."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html
    """

    tags = [{"Key": "fail", "Value": "testSecret"}]
    arn, rotator = create_secret(SecretString="a", Tags=tags), create_rotator()
    token = rotate(arn, rotator)
    rotator.records(3)

    cancelled = secrets.cancel_rotate_secret(SecretId=arn)

    assert cancelled["VersionId"] == token
    assert pending(secrets, arn) == [token]


def test_many_secrets_rotate_at_the_same_time(
    secrets: Client,
    create_rotator: CreateRotator,
    account: Account,
    later: contextlib.ExitStack,
    name: str,
) -> None:
    """AWS: the quota of RotateSecret is "50 per second".
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
    """

    rotator = create_rotator(
        allow("secretsmanager:*", account.arn("secretsmanager", f"secret:{name}-*"))
    )
    arns = []
    for number in range(20):
        arns.append(secrets.create_secret(Name=f"{name}-{number}")["ARN"])
        later.callback(secrets.delete_secret, SecretId=arns[-1], ForceDeleteWithoutRecovery=True)

    tokens = [
        secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=DAILY)
        for arn in arns
    ]

    for arn, started in zip(arns, tokens, strict=True):
        wait_until_rotated(secrets, arn, started["VersionId"])
