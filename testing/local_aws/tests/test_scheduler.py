"""EventBridge Scheduler, which calls an API action under a role.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.cron import next_occurrence_in
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    CreateSecret,
    Json,
    Rotator,
    allow,
    error_code,
    eventually,
    policy,
)

ROTATE = "arn:aws:scheduler:::aws-sdk:secretsmanager:rotateSecret"


@pytest.fixture
def queue_url(account: Account, later: contextlib.ExitStack, name: str) -> str:
    queues = account.client("sqs")
    url: str = queues.create_queue(QueueName=name)["QueueUrl"]
    later.callback(queues.delete_queue, QueueUrl=url)
    return url


CreateRole = Callable[..., str]


@pytest.fixture
def create_role(
    account: Account, iam: Client, later: contextlib.ExitStack, name: str
) -> CreateRole:
    """Creates a role that the Scheduler may assume, with an inline policy."""

    def create(*statements: Json, **condition: object) -> str:
        source = {
            "StringEquals": {
                "aws:SourceAccount": account.account_id,
                "aws:SourceArn": account.arn("scheduler", "schedule-group/default"),
            }
        }
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "scheduler.amazonaws.com"},
            "Condition": condition or source,
        }
        role = iam.create_role(
            RoleName=f"{name}-scheduler", AssumeRolePolicyDocument=policy(trust)
        )["Role"]
        later.callback(iam.delete_role, RoleName=role["RoleName"])
        inline = {"RoleName": role["RoleName"], "PolicyName": "contract"}
        document = policy(*statements, allow("sqs:SendMessage", account.arn("sqs", name)))
        iam.put_role_policy(**inline, PolicyDocument=document)
        later.callback(iam.delete_role_policy, **inline)
        return str(role["Arn"])

    return create


@dataclass(frozen=True)
class Scheduled:
    """A secret that a schedule rotates, and the schedule's dead-letter queue."""

    arn: str
    secrets: Client
    queues: Client
    queue_url: str

    @property
    def token(self) -> str:
        """The ID of the current version, which is the token of its rotation."""
        versions = self.secrets.describe_secret(SecretId=self.arn)["VersionIdsToStages"]
        return str(next(one for one, labels in versions.items() if "AWSCURRENT" in labels))

    def dead_letter(self) -> Json:
        def receive() -> list[Json]:
            response = self.queues.receive_message(
                QueueUrl=self.queue_url, MessageAttributeNames=["All"]
            )
            found: list[Json] = response.get("Messages", [])
            return found

        (message,) = eventually("the dead letter", receive)
        return message


Schedule = Callable[..., Scheduled]


@pytest.fixture
def schedule(
    account: Account,
    secrets: Client,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    name: str,
    queue_url: str,
) -> Schedule:
    """Configures the rotation of a secret and creates a schedule for it."""
    client = account.client("scheduler")

    def create(rotator: Rotator, role_arn: str, **options: object) -> Scheduled:
        arn = create_secret(SecretString="first")
        secrets.rotate_secret(
            SecretId=arn,
            RotationLambdaARN=rotator.arn,
            RotationRules={"AutomaticallyAfterDays": 30},
            RotateImmediately=False,
        )
        retries = options.pop("MaximumRetryAttempts", 0)
        client.create_schedule(
            Name=name,
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": ROTATE,
                "RoleArn": role_arn,
                "Input": json.dumps({"SecretId": arn}),
                "DeadLetterConfig": {"Arn": account.arn("sqs", name)},
                "RetryPolicy": {
                    "MaximumEventAgeInSeconds": 3600,
                    "MaximumRetryAttempts": retries,
                },
            },
            **{"ScheduleExpression": "rate(30 minutes)", **options},
        )
        later.callback(client.delete_schedule, Name=name)
        return Scheduled(arn, secrets, account.client("sqs"), queue_url)

    return create


@pytest.fixture
def grants(account: Account, name: str) -> list[Json]:
    """The permissions that RotateSecret requires of its caller.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    """
    return [
        allow(
            "secretsmanager:RotateSecret", account.arn("secretsmanager", f"secret:{name}-??????")
        ),
        allow("lambda:InvokeFunction", account.arn("lambda", f"function:{name}")),
    ]


def in_half_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=30)


@pytest.fixture
def clock(local: LocalAws) -> Iterator[Callable[[timedelta], None]]:
    """Moves the scheduler's clock forward, and back at the end of the test."""

    def move(ahead: timedelta) -> None:
        local.set(scheduler_seconds_ahead=ahead.total_seconds())

    yield move
    move(timedelta())


Clock = Callable[[timedelta], None]


def test_a_rate_fires_at_its_start_date_and_after_each_interval(
    clock: Clock,
    create_role: CreateRole,
    create_rotator: CreateRotator,
    grants: list[Json],
    schedule: Schedule,
) -> None:
    """AWS: "use the StartDate attribute to set the first occurrence of the schedule"."""
    rotator = create_rotator()
    secret = schedule(rotator, create_role(*grants), StartDate=in_half_an_hour())
    seen = [secret.token]
    for ticks in (1, 2, 3):
        clock(timedelta(minutes=30 * ticks, seconds=5))
        seen.append(
            eventually("the rotation", lambda: secret.token, lambda token: token not in seen)
        )
    # One step tests the configuration; each of the three rotations has four.
    assert len(rotator.records(13)) == 13


def test_a_rate_without_a_start_date_fires_immediately(
    create_role: CreateRole, create_rotator: CreateRotator, grants: list[Json], schedule: Schedule
) -> None:
    """AWS: "If you do not provide a StartDate for a rate-based schedule, your schedule starts
    invoking the target immediately."
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
    """
    secret = schedule(create_rotator(), create_role(*grants))
    first = secret.token
    eventually("the rotation", lambda: secret.token, lambda token: token != first)


def test_a_cron_expression_is_evaluated_in_the_time_zone_of_the_schedule(
    clock: Clock,
    create_role: CreateRole,
    create_rotator: CreateRotator,
    grants: list[Json],
    schedule: Schedule,
) -> None:
    """AWS: "EventBridge Scheduler evaluates the schedule in the time zone that you specify."
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#time-zones
    """
    # Kiritimati is always fourteen hours ahead of UTC, so in UTC this time would be hours away.
    local_time = in_half_an_hour() + timedelta(hours=14)
    secret = schedule(
        create_rotator(),
        create_role(*grants),
        ScheduleExpression=f"cron({local_time.minute} {local_time.hour} * * ? *)",
        ScheduleExpressionTimezone="Pacific/Kiritimati",
    )
    first = secret.token
    clock(timedelta(minutes=31))
    eventually("the rotation", lambda: secret.token, lambda token: token != first)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param("2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z", id="hour-that-is-missing"),
        pytest.param("2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z", id="hour-that-comes-again"),
        pytest.param("2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z", id="when-it-has-come-again"),
    ],
)
def test_a_change_of_the_clock_skips_an_occurrence_and_repeats_none(
    after: str, expected: str
) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time"""
    berlin = ZoneInfo("Europe/Berlin")
    found = next_occurrence_in(berlin, "cron(30 2 * * ? *)", datetime.fromisoformat(after))
    assert found == datetime.fromisoformat(expected)


def test_a_range_of_hours_passes_midnight(
    clock: Clock,
    create_role: CreateRole,
    create_rotator: CreateRotator,
    grants: list[Json],
    schedule: Schedule,
) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based"""
    due = in_half_an_hour()
    # In one of the two zones it is morning.
    zone, hour = ("UTC", due.hour) if due.hour < 12 else ("Etc/GMT-12", due.hour - 12)
    secret = schedule(
        create_rotator(),
        create_role(*grants),
        ScheduleExpression=f"cron({due.minute} {hour + 12}-{hour} * * ? *)",
        ScheduleExpressionTimezone=zone,
    )
    first = secret.token
    clock(timedelta(minutes=31))
    eventually("the rotation", lambda: secret.token, lambda token: token != first)


@pytest.mark.parametrize("missing", [0, 1], ids=["RotateSecret", "InvokeFunction"])
def test_the_role_needs_the_permissions_of_the_action(
    clock: Clock,
    create_role: CreateRole,
    create_rotator: CreateRotator,
    grants: list[Json],
    missing: int,
    schedule: Schedule,
) -> None:
    """AWS: "you also need lambda:InvokeFunction permissions on the rotation function".

    A denied call is not retried; it is sent to the dead-letter queue.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    del grants[missing]
    started = datetime.now(UTC)
    secret = schedule(create_rotator(), create_role(*grants), StartDate=in_half_an_hour())
    first = secret.token
    clock(timedelta(minutes=30, seconds=5))

    letter = secret.dead_letter()

    assert json.loads(letter["Body"]) == {"SecretId": secret.arn}
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    scheduled = datetime.fromisoformat(attributes.pop("SCHEDULED_TIME"))
    assert timedelta(minutes=29) < scheduled - started < timedelta(minutes=31)
    assert attributes.pop("EXECUTION_ID")
    assert attributes.pop("ERROR_MESSAGE")
    assert attributes.pop("SCHEDULE_ARN").startswith("arn:aws:scheduler:")
    assert attributes == {
        "ERROR_CODE": "AccessDeniedException",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "TARGET_ARN": ROTATE,
    }
    assert secret.token == first


def test_a_throttled_call_is_retried_up_to_the_limit_of_the_schedule(
    clock: Clock,
    create_role: CreateRole,
    create_rotator: CreateRotator,
    grants: list[Json],
    local: LocalAws,
    schedule: Schedule,
) -> None:
    """AWS: "The maximum number of retry attempts to make before the request fails."
    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
    """
    secret = schedule(
        create_rotator(),
        create_role(*grants),
        MaximumRetryAttempts=1,
        StartDate=in_half_an_hour(),
    )
    with local.switched(throttled_share=1.0):
        clock(timedelta(minutes=30, seconds=5))
        attributes = secret.dead_letter()["MessageAttributes"]

    assert attributes["ERROR_CODE"]["StringValue"] == "ThrottlingException"
    assert attributes["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == "MaximumRetryAttempts"
    assert attributes["RETRY_ATTEMPTS"]["StringValue"] == "1"


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param({"aws:SourceAccount": "210987654321"}, id="another-account"),
        pytest.param({"aws:SourceArn": "schedule/default/NAME"}, id="the-schedule"),
    ],
)
def test_a_role_that_trusts_another_source_is_refused(
    account: Account,
    condition: dict[str, str],
    create_role: CreateRole,
    create_rotator: CreateRotator,
    name: str,
    schedule: Schedule,
) -> None:
    """AWS: "Do not scope the aws:SourceArn statement to a specific schedule or schedule name
    prefix. The ARN you specify must be a schedule group."
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    source = {
        key: account.arn("scheduler", value.replace("NAME", name)) if "/" in value else value
        for key, value in condition.items()
    }
    role_arn = create_role(StringEquals=source)
    assert error_code(schedule, rotator=create_rotator(), role_arn=role_arn) == (
        "ValidationException"
    )


def test_an_update_with_a_start_date_in_the_past_is_refused(
    account: Account,
    clock: Clock,
    create_role: CreateRole,
    create_rotator: CreateRotator,
    grants: list[Json],
    name: str,
    schedule: Schedule,
) -> None:
    """AWS: "The StartDate you specify cannot be earlier than 5 minutes ago."

    No AWS page documents this. The text is from the error: https://github.com/getmoto/moto/pull/8172
    """
    schedule(create_rotator(), create_role(*grants), StartDate=in_half_an_hour())
    client = account.client("scheduler")
    current = client.get_schedule(Name=name)
    change = {
        "Name": name,
        "FlexibleTimeWindow": current["FlexibleTimeWindow"],
        "Target": current["Target"],
        "ScheduleExpression": "rate(40 minutes)",
    }
    past, future = current["StartDate"], in_half_an_hour() + timedelta(minutes=30)
    clock(timedelta(minutes=36))
    assert error_code(client.update_schedule, **change, StartDate=past) == "ValidationException"
    assert error_code(client.update_schedule, **change, StartDate=future) == ""
