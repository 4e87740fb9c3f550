"""Secrets Manager rotates a secret by its own schedule, within a window.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    CreateSecret,
    Json,
    Rotator,
    allow,
    eventually,
)

Clock: TypeAlias = Callable[..., None]
STEPS = 4


@pytest.fixture
def rotator(account: Account, create_rotator: CreateRotator, name: str) -> Rotator:
    """A rotation function for the secret of the test and for the one of the clock."""
    secrets = account.arn("secretsmanager", f"secret:{name}-*")
    return create_rotator(allow("secretsmanager:*", secrets))


@pytest.fixture
def clock(
    local: LocalAws, secrets: Client, create_secret: CreateSecret, rotator: Rotator, name: str
) -> Iterator[Clock]:
    """Moves the clock of the schedules forward, and back at the end of the test.

    If it waits, all secrets that are due have started to rotate when it returns: a secret that
    rotates every hour shows that.
    """
    arn = create_secret(Name=f"{name}-hourly")
    rules = {"ScheduleExpression": "cron(0 * * * ? *)"}
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=rules)
    rotated(secrets, arn)

    def move(moment: datetime, *, wait: bool = False) -> None:
        ahead = moment - datetime.now(UTC)
        local.set(rotation_seconds_ahead=ahead.total_seconds())
        if wait:
            rotated(secrets, arn, after=moment)

    yield move
    local.set(rotation_seconds_ahead=0, rotation_window_share=0)


def records_of(rotator: Rotator, arn: str, count: int) -> list[Json]:
    """Return the records of the rotations of one secret, as soon as there are enough."""
    return eventually(
        f"{count} records",
        lambda: [record for record in rotator.records(0) if record["secret_id"] == arn],
        lambda found: len(found) >= count,
    )


def rotated(secrets: Client, arn: str, after: datetime | None = None) -> Json:
    """Return the description of the secret as soon as it has rotated after a moment."""

    def is_later(described: Json) -> bool:
        last = described.get("LastRotatedDate")
        return last is not None and (after is None or last > after)

    described: Json = eventually(
        "the rotation", lambda: secrets.describe_secret(SecretId=arn), is_later
    )
    return described


def labels(described: Json) -> Json:
    """Return the labels of the versions; a rotation adds a version when it starts."""
    stages: Json = described["VersionIdsToStages"]
    return stages


def opening(described: Json, **interval: int) -> datetime:
    """Return when the window of a rate opens after the last rotation."""
    last: datetime = described["LastRotatedDate"].astimezone(UTC)
    hour = last.hour if "hours" in interval else 0
    return last.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(**interval)


@pytest.mark.parametrize(
    ("rules", "interval", "length"),
    [
        pytest.param({"ScheduleExpression": "rate(2 days)"}, {"days": 2}, 24, id="days"),
        pytest.param({"AutomaticallyAfterDays": 2}, {"days": 2}, 24, id="after-days"),
        pytest.param({"ScheduleExpression": "rate(4 hours)"}, {"hours": 4}, 1, id="hours"),
        pytest.param(
            {"ScheduleExpression": "rate(2 days)", "Duration": "3h"}, {"days": 2}, 3, id="duration"
        ),
    ],
)
def test_a_rate_opens_at_midnight_or_at_the_hour(
    clock: Clock,
    secrets: Client,
    create_secret: CreateSecret,
    rotator: Rotator,
    rules: Json,
    interval: dict[str, int],
    length: int,
) -> None:
    """AWS: "For a rotation schedule that uses a rate() expression in days, the rotation window
    starts at midnight." AWS: "Secrets Manager rotation windows always start on the hour."
    """
    arn = create_secret()
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=rules)
    first = rotated(secrets, arn)
    opens = opening(first, **interval)
    assert first["NextRotationDate"] == opens + timedelta(hours=length)

    clock(opens - timedelta(minutes=5), wait=True)
    assert labels(secrets.describe_secret(SecretId=arn)) == labels(first)
    clock(opens + timedelta(minutes=5))
    second = rotated(secrets, arn, after=first["LastRotatedDate"])

    assert second["LastRotatedDate"] >= opens
    assert len(records_of(rotator, arn, 2 * STEPS)) == 2 * STEPS


def test_a_secret_rotates_at_any_time_within_the_window(
    clock: Clock,
    local: LocalAws,
    secrets: Client,
    create_secret: CreateSecret,
    rotator: Rotator,
) -> None:
    """AWS: "Secrets Manager rotates your secret at any time during the rotation window." """
    arn = create_secret()
    local.set(rotation_window_share=0.5)
    rules = {"ScheduleExpression": "rate(1 day)"}
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=rules)
    first = rotated(secrets, arn)
    noon = opening(first, days=1) + timedelta(hours=12)

    clock(noon - timedelta(minutes=5), wait=True)
    assert labels(secrets.describe_secret(SecretId=arn)) == labels(first)
    clock(noon + timedelta(minutes=5))

    assert rotated(secrets, arn, after=first["LastRotatedDate"])["LastRotatedDate"] >= noon


@pytest.mark.parametrize(
    ("expression", "duration", "hours"),
    [
        pytest.param("cron(0 8 * * ? *)", {"Duration": "2h"}, 2, id="duration"),
        pytest.param("cron(0 8 1 * ? *)", {}, 16, id="until-the-end-of-the-day"),
        pytest.param("cron(0 8/12 * * ? *)", {}, 1, id="one-hour"),
    ],
)
def test_a_cron_expression_opens_the_window(
    secrets: Client,
    create_secret: CreateSecret,
    rotator: Rotator,
    expression: str,
    duration: Json,
    hours: int,
) -> None:
    """AWS: "By default, the rotation window closes after one hour for a rotation schedule in hours,
    and at the end of the day for a rotation schedule in days."
    """
    arn = create_secret()
    rules = {"ScheduleExpression": expression, **duration}

    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=rules)

    closes = rotated(secrets, arn)["NextRotationDate"].astimezone(UTC)
    opens = closes - timedelta(hours=hours)
    assert (opens.hour in {8, 20}, opens.minute, opens.second) == (True, 0, 0)


def test_a_rotation_by_hand_moves_the_window(
    clock: Clock, secrets: Client, create_secret: CreateSecret, rotator: Rotator
) -> None:
    """AWS: "Secrets Manager calculates the next rotation date based on the previous rotation."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
    """
    arn = create_secret()
    rules = {"AutomaticallyAfterDays": 2}
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=rules)
    first = rotated(secrets, arn)

    clock(opening(first, days=2) - timedelta(hours=1))
    secrets.rotate_secret(SecretId=arn)
    second = rotated(secrets, arn, after=first["LastRotatedDate"])

    assert second["NextRotationDate"] == first["NextRotationDate"] + timedelta(days=1)


def test_the_next_window_reattempts_a_failed_rotation(
    clock: Clock,
    local: LocalAws,
    secrets: Client,
    create_secret: CreateSecret,
    rotator: Rotator,
) -> None:
    """AWS: "Secrets Manager retries the entire rotation process" "during the open rotation
    windows", with the version that is AWSPENDING.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
    """
    tags = [{"Key": "fail", "Value": "setSecret"}]
    arn = create_secret(SecretString="a", Tags=tags)
    rules = {"ScheduleExpression": "rate(4 hours)"}

    with local.switched(rotation_attempts=1):
        token = secrets.rotate_secret(
            SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=rules
        )["VersionId"]
        records_of(rotator, arn, 2)
        clock(datetime.now(UTC) + timedelta(hours=5))
        records = records_of(rotator, arn, 4)

    assert [record["step"] for record in records] == ["createSecret", "setSecret"] * 2
    assert {record["token"] for record in records} == {token}
