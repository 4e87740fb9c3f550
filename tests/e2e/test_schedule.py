"""A schedule that Secrets Manager does not support: its calls, its changes, and its grants."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from rotating_secret.cli import main
from testing.harness.account import Aws, Secret, eventually, inventory, step_records
from testing.harness.terraform import Terraform, TerraformError
from testing.local_aws import LocalAws
from tests.e2e.notifications import Notified, subscribed
from tests.e2e.roles import granted, without
from tests.readme.blocks import block

pytestmark = pytest.mark.xdist_group("schedule")

# EventBridge calls within a minute of the scheduled time.
_TICK_SECONDS: Final = 960
# How often the local AWS attempts a rotation that fails.
_TRIES: Final = 3

_ROOT: Final = """
variable "schedule_expression" {
  type = string
}

module "rotating_secret" {
  source = "../"

  name                    = "schedule/fast"
  alarm_actions           = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
  notifications           = {}
  recovery_window_in_days = 0
  rotate_immediately      = false
  rotation                = { random_value = {} }
  schedule_expression     = var.schedule_expression
}

output "rotating_secret" {
  value = module.rotating_secret
}
"""


@dataclass(kw_only=True)
class Scheduled:
    """A secret with a fast schedule, and a scheduler whose clock the test sets ahead."""

    aws: Aws
    outputs: dict[str, Any]
    secret: Secret
    terraform: Terraform
    every: int = 30
    ahead: int = 1

    def move(self, ahead: int) -> None:
        """Set the scheduler's clock some minutes ahead."""
        if not isinstance(self.aws, LocalAws):
            pytest.skip("The clock of a real account cannot change.")
        self.aws.set(scheduler_seconds_ahead=60 * ahead)
        self.ahead = ahead

    def tick(self) -> None:
        self.move(self.ahead + self.every)

    @property
    def role(self) -> str:
        return str(self.outputs["schedule_role_arn"]).rpartition("/")[2]

    def holder(self) -> str | None:
        return self.secret.holder("AWSCURRENT")

    def failures(self) -> list[dict[str, Any]]:
        """Return the failed steps, one entry for each failure."""
        records = step_records(self.aws, self.outputs["log_group_name"])
        return [record for record in records if record["outcome"] == "failed"]

    def wait_for_another(self, version: str | None, patience: float = 60) -> str:
        """Wait until a rotation that made another version current is complete."""

        def finished() -> str | None:
            current, pending = self.holder(), self.secret.holder("AWSPENDING")
            return current if pending in {None, current} else None

        found = eventually(
            "The next version", finished, lambda now: now not in {None, version}, patience=patience
        )
        assert found is not None
        return found

    def dead_letters(self) -> list[dict[str, str]]:
        """Receive and delete the calls that the schedule could not make."""
        queues = self.aws.client("sqs")
        name = self.outputs["dead_letter_queue_arn"].rpartition(":")[2]
        url = queues.get_queue_url(QueueName=name)["QueueUrl"]
        found = []
        received = queues.receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        for message in received.get("Messages", []):
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            attributes = message["MessageAttributes"]
            found.append({name: value["StringValue"] for name, value in attributes.items()})
        return found


@pytest.fixture(scope="module")
def scheduled(aws: Aws, module: Path) -> Iterator[Scheduled]:
    before = inventory(aws)
    (module / "schedule").mkdir()
    (module / "schedule" / "main.tf").write_text(_ROOT)
    variables = {"schedule_expression": "rate(30 minutes)"}
    terraform = Terraform(module, "schedule", aws.environment, variables)
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()["rotating_secret"]
        secret = Secret(aws, outputs["secret_arn"])
        yield Scheduled(aws=aws, outputs=outputs, secret=secret, terraform=terraform)
    finally:
        if isinstance(aws, LocalAws):
            aws.set(scheduler_seconds_ahead=0)
        terraform.destroy("-refresh=false")
    assert inventory(aws) == before


def test_two_ticks_rotate_twice_and_a_change_does_not(scheduled: Scheduled) -> None:
    # To set up the rotation and its schedule starts neither.
    assert scheduled.holder() is None
    seen: list[str | None] = [None]
    for _ in range(2):
        scheduled.tick()
        seen.append(scheduled.wait_for_another(seen[-1]))
    scheduled.terraform.require_empty_plan()
    assert len({*seen}) == len(seen)
    # The window of the backstop opens after more than a day, and closes a day later.
    described = scheduled.aws.client("secretsmanager").describe_secret(
        SecretId=scheduled.secret.secret_id
    )
    assert described["NextRotationDate"] - described["LastRotatedDate"] > timedelta(days=2)

    # The start time of the schedule is past now, so EventBridge would reject it.
    scheduled.move(40)
    for expression in ("cron(30 5 29 2 ? *)", "rate(50 minutes)"):
        scheduled.terraform.set(schedule_expression=expression)
        scheduled.terraform.apply()
    scheduled.terraform.require_empty_plan()
    assert scheduled.holder() == seen[-1]
    scheduled.every = 50
    scheduled.move(51)
    scheduled.wait_for_another(seen[-1])
    assert scheduled.dead_letters() == []


def test_the_tool_shows_the_schedule_of_eventbridge(
    scheduled: Scheduled, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in scheduled.aws.environment.items():
        monkeypatch.setenv(name, value)
    main(["status", "--json"])
    arn = scheduled.secret.secret_id
    secrets = json.loads(capsys.readouterr().out)["secrets"]
    (shown,) = [one for one in secrets if one["arn"] == arn]
    assert shown["schedule"].startswith("rate(")
    assert shown["next_rotation"] is None


_ROTATES: Final = ("StartTheRotation", "secretsmanager:RotateSecret")
_INVOKES: Final = ("HaveTheFunctionInvoked", "lambda:InvokeFunction")
_KEEPS: Final = ("KeepWhatFailed", "sqs:SendMessage")
_PROMOTES: Final = ("RotateThisSecret", "secretsmanager:UpdateSecretVersionStage")


@pytest.mark.campaign("Grants")
def test_a_scheduled_call_needs_each_grant_and_does_not_disturb_a_rotation(
    scheduled: Scheduled,
) -> None:
    """Promise 4: the schedule's role has only the grants that it needs."""
    assert granted(scheduled.aws, scheduled.role) == {_ROTATES, _INVOKES, _KEEPS}
    before = scheduled.holder()
    scheduled.tick()
    first = scheduled.wait_for_another(before)

    for grant in (_ROTATES, _INVOKES):
        with without(scheduled.aws, scheduled.role, grant):
            scheduled.tick()
            (letter,) = eventually("The dead letter", scheduled.dead_letters)
        assert letter["ERROR_CODE"] == "AccessDeniedException"
        assert grant[1] in letter["ERROR_MESSAGE"]
        assert scheduled.holder() == first

    function_role = str(scheduled.outputs["function_role_name"])
    with without(scheduled.aws, function_role, _PROMOTES):
        scheduled.tick()
        eventually("The failures", lambda: len(scheduled.failures()) == _TRIES)
        pending = scheduled.secret.holder("AWSPENDING")
        assert pending is not None
        value = scheduled.secret.text(pending)
        # The next call attempts the same rotation again. Without the grant there is no dead letter.
        with without(scheduled.aws, scheduled.role, _KEEPS):
            scheduled.tick()
            eventually("More failures", lambda: len(scheduled.failures()) == 2 * _TRIES)
        scheduled.tick()
        (letter,) = eventually("The dead letter", scheduled.dead_letters)
        assert letter["ERROR_CODE"] == "InvalidRequestException"
        assert "That rotation will be reattempted" in letter["ERROR_MESSAGE"]
        assert scheduled.secret.holder("AWSPENDING") == pending
        # Otherwise an attempt could succeed with the grant, and the last call start a new rotation.
        eventually("All failures", lambda: len(scheduled.failures()) == 3 * _TRIES)
    # With all grants, the rotation that the first of these calls started completes.
    scheduled.tick()
    assert scheduled.wait_for_another(first) == pending
    assert scheduled.secret.text() == value


@pytest.fixture
def notified(scheduled: Scheduled) -> Iterator[Notified]:
    aws, topic = scheduled.aws, scheduled.outputs["notification_topic_arn"]
    with subscribed(aws, topic, "schedule") as url:
        yield Notified(
            aws=aws,
            outputs=scheduled.outputs,
            queue_url=url,
            secret=scheduled.secret,
            terraform=scheduled.terraform,
        )


def _schedule_name(scheduled: Scheduled) -> str:
    return str(scheduled.outputs["schedule_arn"]).rpartition("/")[2]


def _disable(scheduled: Scheduled) -> datetime:
    """Disable the schedule as AWS's page does: an update drops what it doesn't repeat.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-state.html
    """
    client, name = scheduled.aws.client("scheduler"), _schedule_name(scheduled)
    found = client.get_schedule(Name=name)
    required = ("FlexibleTimeWindow", "Name", "ScheduleExpression", "Target")
    client.update_schedule(**{key: found[key] for key in required}, State="DISABLED")
    disabled = client.get_schedule(Name=name)["LastModificationDate"]
    assert isinstance(disabled, datetime)
    return disabled


def _switched_off(notified: Notified) -> str:
    """Wait for the message that the schedule is off, among the others of the same look."""

    def texts() -> list[str]:
        notified.receive()
        causes = zip(notified.causes, notified.received, strict=True)
        return [one["Message"] for cause, one in causes if cause == "switched_off"]

    found = eventually("The message", texts)
    notified.received.clear()
    (text,) = found
    return text


@pytest.mark.local_only("The clock of a real account cannot change.")
def test_a_schedule_that_someone_disables_ends_at_a_subscriber(
    scheduled: Scheduled, notified: Notified
) -> None:
    look = {"source": "aws.events", "time": "2026-03-01T08:00:00Z"}
    grant = ("LookAtTheSchedule", "scheduler:GetSchedule")
    assert grant in granted(scheduled.aws, notified.name)
    with without(scheduled.aws, notified.name, grant):
        assert "AccessDeniedException" in notified.invoke(**look)
    assert notified.invoke(**look) == ""

    notified.look_after(_disable(scheduled) + timedelta(minutes=1))
    assert f" Schedule: {_schedule_name(scheduled)}." in _switched_off(notified)


def _restore(scheduled: Scheduled) -> None:
    """Restore a schedule of a rate, whose start date is past."""
    command = shlex.split(block("run", "restore-schedule"))
    assert command[:2] == ["terraform", "apply"]
    with pytest.raises(TerraformError, match="StartDate"):
        scheduled.terraform.apply()
    scheduled.move(0)
    scheduled.terraform.apply(*command[2:])
    found = scheduled.aws.client("scheduler").get_schedule(Name=_schedule_name(scheduled))
    assert found["State"] == "ENABLED"
    assert found["StartDate"] > datetime.now(UTC)
    scheduled.terraform.require_empty_plan()


@pytest.mark.slow
@pytest.mark.local_only("The clock of a real account cannot change.")
def test_a_schedule_that_is_gone_or_disabled_is_restored(
    scheduled: Scheduled, notified: Notified
) -> None:
    name = _schedule_name(scheduled)
    scheduled.aws.client("scheduler").delete_schedule(Name=name)
    since = datetime.fromisoformat(notified.settings()["since"])
    notified.look_after(since + timedelta(hours=1))
    assert f" Schedule: {name}." in _switched_off(notified)
    _restore(scheduled)

    _disable(scheduled)
    scheduled.move(24 * 60)
    _restore(scheduled)


@pytest.mark.slow
# In a process of its own, because it waits for half an hour.
@pytest.mark.xdist_group("real-time")
def test_three_ticks_in_real_time_rotate_three_times(scheduled: Scheduled) -> None:
    if isinstance(scheduled.aws, LocalAws):
        scheduled.move(0)
    scheduled.terraform.set(schedule_expression="rate(15 minutes)")
    scheduled.terraform.apply()
    found = scheduled.holder()
    for _ in range(3):
        found = scheduled.wait_for_another(found, patience=_TICK_SECONDS)
    assert scheduled.dead_letters() == []
