"""A secret that RDS rotates: its schedule, its readers, its alarm, and `terraform destroy`.

The test makes the database, because Terraform takes minutes to make and delete one.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from testing.harness.account import Aws, Secret, eventually, inventory
from testing.harness.terraform import Terraform, TerraformError
from testing.local_aws import LocalAws
from tests.e2e.roles import acting, error_code, granted
from tests.readme.blocks import block

pytestmark = pytest.mark.xdist_group("managed")

_DATABASE: Final = "reports"
_COUNTED: Final = "ApproximateNumberOfMessagesVisible"
# How long RDS may take in a real account.
_MINUTES: Final = 1800
_ROOT: Final = """
data "aws_caller_identity" "current" {}

data "aws_iam_session_context" "current" {
  arn = data.aws_caller_identity.current.arn
}

variable "notifications" {
  type    = any
  default = null
}

variable "policy_statements" {
  type    = any
  default = {}
}

variable "rotation_enabled" {
  type    = bool
  default = true
}

variable "secret_arn" {
  type = string
}

resource "aws_iam_user" "outsider" {
  name = "managed-outsider"
}

resource "aws_iam_user" "reader" {
  name = "managed-reader"
}

module "rotating_secret" {
  source = "../"

  administrators      = [data.aws_iam_session_context.current.issuer_arn]
  alarm_actions       = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
  notifications       = var.notifications
  policy_statements   = var.policy_statements
  readers             = [aws_iam_user.reader.arn]
  readers_exclusive   = true
  rotate_immediately  = false
  schedule_expression = "rate(30 minutes)"

  rotation = {
    managed = { rotation_enabled = var.rotation_enabled, secret_arn = var.secret_arn }
  }
}

output "rotating_secret" {
  value = module.rotating_secret
}
"""
# The statement that the documentation warns of: it denies the owning service, too.
_DENY_WRITES: Final = {
    "DenyWrites": {
        "actions": ["secretsmanager:PutSecretValue"],
        "effect": "Deny",
        "principals": {"AWS": ["*"]},
    }
}


@dataclass(frozen=True, kw_only=True)
class Managed:
    """The password of the database's master user, and the resources of the module."""

    aws: Aws
    outputs: dict[str, Any]
    secret: Secret
    terraform: Terraform

    def alarm(self) -> dict[str, Any]:
        found = self.aws.client("cloudwatch").describe_alarms(AlarmNamePrefix="rotation-failures-")
        (alarm,) = found["MetricAlarms"]
        return dict(alarm)

    def failures(self) -> list[dict[str, Any]]:
        """Receive the events that the alarm counts, and delete them."""
        queues = self.aws.client("sqs")
        (dimension,) = self.alarm()["Dimensions"]
        url = queues.get_queue_url(QueueName=dimension["Value"])["QueueUrl"]
        found = []
        for message in queues.receive_message(QueueUrl=url).get("Messages", []):
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        return found

    def watcher(self) -> dict[str, Any]:
        """The settings of the watcher."""
        group = self.terraform.outputs()["rotating_secret"]["watcher_log_group_name"]
        found = self.aws.client("lambda").get_function_configuration(
            FunctionName=group.rpartition("/")[2]
        )
        return dict(json.loads(found["Environment"]["Variables"]["WATCHER_SETTINGS"]))

    def rotates(self) -> bool:
        described = self.aws.client("secretsmanager").describe_secret(
            SecretId=self.secret.secret_id
        )
        return bool(described["RotationEnabled"])


def _status(aws: Aws) -> str | None:
    pages = aws.client("rds").get_paginator("describe_db_instances").paginate()
    found = pages.search(f"DBInstances[?DBInstanceIdentifier=='{_DATABASE}'].DBInstanceStatus")
    return next(iter(found), None)


@pytest.fixture(scope="module")
def secret_arn(aws: Aws) -> Iterator[str]:
    databases, named = aws.client("rds"), {"DBInstanceIdentifier": _DATABASE}
    databases.create_db_instance(
        **named,
        AllocatedStorage=20,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        ManageMasterUserPassword=True,
        MasterUsername="reports",
    )
    try:
        eventually("The database", lambda: _status(aws) == "available", patience=_MINUTES)
        (described,) = databases.describe_db_instances(**named)["DBInstances"]
        yield described["MasterUserSecret"]["SecretArn"]
    finally:
        databases.delete_db_instance(**named, SkipFinalSnapshot=True)
        eventually("Its end", lambda: _status(aws) is None, patience=_MINUTES)


@pytest.fixture(scope="module")
def managed(aws: Aws, module: Path, secret_arn: str) -> Iterator[Managed]:
    before = inventory(aws)
    (module / "managed").mkdir()
    (module / "managed" / "main.tf").write_text(_ROOT)
    terraform = Terraform(module, "managed", aws.environment, {"secret_arn": secret_arn})
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()["rotating_secret"]
        secret = Secret(aws, outputs["secret_arn"])
        yield Managed(aws=aws, outputs=outputs, secret=secret, terraform=terraform)
    finally:
        if isinstance(aws, LocalAws):
            aws.set(scheduler_seconds_ahead=0)
        terraform.destroy("-refresh=false")
    assert inventory(aws) == before


def test_the_schedule_makes_rds_rotate_a_secret_with_few_readers(managed: Managed) -> None:
    if not isinstance(managed.aws, LocalAws):
        pytest.skip("The clock of a real account cannot change.")
    role = str(managed.outputs["schedule_role_arn"]).rpartition("/")[2]
    starts, keeps = ("StartTheRotation", "secretsmanager:RotateSecret"), "sqs:SendMessage"
    assert granted(managed.aws, role) == {starts, ("KeepWhatFailed", keeps)}
    assert managed.outputs["function_arn"] is None
    before = managed.secret.text()
    assert managed.secret.value().keys() == json.loads(block("value", "managed")).keys()
    # RDS made this value: to set up the schedule does not rotate.
    assert managed.secret.text("AWSPREVIOUS") is None

    managed.aws.set(scheduler_seconds_ahead=31 * 60)

    eventually("The new password", managed.secret.text, lambda text: text != before)
    assert managed.failures() == []
    managed.terraform.require_empty_plan()


@pytest.mark.campaign("Grants")
def test_a_reader_needs_no_grant_and_an_administrator_of_everything_has_none(
    managed: Managed,
) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    named = {"SecretId": managed.secret.secret_id}
    with acting(managed.aws, "managed-reader") as clients:
        assert error_code(clients("secretsmanager").get_secret_value, **named) == ""
    with acting(managed.aws, "managed-outsider", everything) as clients:
        denied = error_code(clients("secretsmanager").get_secret_value, **named)
    assert denied == "AccessDeniedException"


def test_a_failed_rotation_raises_the_alarm_and_the_next_one_succeeds(managed: Managed) -> None:
    alarm = managed.alarm()
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", _COUNTED)
    assert alarm["AlarmActions"] == ["arn:aws:sns:eu-west-1:123456789012:alerts"]
    managed.terraform.set(policy_statements=_DENY_WRITES)
    managed.terraform.apply()
    before = managed.secret.text()

    managed.secret.rotate()

    (event,) = eventually("The event", managed.failures)
    assert event["detail"]["eventName"] == "RotationFailed"
    assert event["detail"]["additionalEventData"]["SecretId"] == managed.secret.secret_id
    assert managed.secret.text() == before
    managed.terraform.set(policy_statements=None)
    managed.terraform.apply()
    managed.secret.rotate_and_wait()
    assert managed.secret.text("AWSPREVIOUS") == before
    assert managed.failures() == []


def _matches(managed: Managed, **changes: object) -> bool:
    """Ask EventBridge whether an event of a rotation matches the rule."""
    events = managed.aws.client("events")
    (rule,) = events.list_rules(NamePrefix="rotation-failures-")["Rules"]
    event = {
        "account": "123456789012",
        "detail": {
            "additionalEventData": {"SecretId": managed.secret.secret_id},
            "eventSource": "secretsmanager.amazonaws.com",
            "eventType": "AwsServiceEvent",
            **changes,
        },
        "detail-type": "AWS Service Event via CloudTrail",
        "id": "0f5e7b5e-3a52-4b0c-8d0f-4c8f0f2b6c1d",
        "region": "eu-west-1",
        "resources": [],
        "source": "aws.secretsmanager",
        "time": "2026-03-01T08:00:11Z",
    }
    answer = events.test_event_pattern(Event=json.dumps(event), EventPattern=rule["EventPattern"])
    return bool(answer["Result"])


def test_the_alarm_is_only_for_failed_rotations_of_this_secret(managed: Managed) -> None:
    another = {"SecretId": f"{managed.secret.secret_id}-of-another"}
    assert _matches(managed, eventName="RotationFailed")
    assert _matches(managed, eventName="RotationAbandoned")
    assert not _matches(managed, eventName="RotationSucceeded")
    assert not _matches(managed, eventName="RotationFailed", additionalEventData=another)


# The native tests plan both states.
@pytest.mark.slow
def test_the_rotation_is_switched_off_and_on_again(managed: Managed) -> None:
    if isinstance(managed.aws, LocalAws):  # A new schedule would fire at once.
        managed.aws.set(scheduler_seconds_ahead=0)
    terraform, before = managed.terraform, managed.secret.text()
    secrets, named = managed.aws.client("secretsmanager"), {"SecretId": managed.secret.secret_id}
    terraform.set(rotation_enabled=False)
    assert "0 added, 0 changed" in terraform.apply()
    assert not managed.rotates()
    assert not terraform.outputs()["rotating_secret"]["rotation_enabled"]
    terraform.require_empty_plan()

    # The service, or an operator, switches it on. Terraform has no resource that it could delete.
    secrets.rotate_secret(
        **named, RotationRules={"AutomaticallyAfterDays": 7}, RotateImmediately=False
    )
    with pytest.raises(TerraformError, match=r"rotation_enabled must be true in one apply"):
        terraform.run("plan")

    terraform.set(rotation_enabled=None)
    terraform.apply()
    assert managed.rotates()
    terraform.require_empty_plan()
    assert managed.secret.text() == before


@pytest.mark.slow
def test_nothing_is_overdue_when_the_rotation_is_switched_on_again(managed: Managed) -> None:
    terraform = managed.terraform
    terraform.set(notifications={}, rotation_enabled=False)
    terraform.apply()
    before = managed.watcher()
    # A service changes its one password, and there is no function whose log says more.
    assert before["valid_labels"] == ["AWSCURRENT"]
    assert before["log_group_name"] is None

    terraform.set(rotation_enabled=None)
    terraform.apply()

    after = managed.watcher()
    assert after["rotates"]
    assert after["since"] > before["since"]
    terraform.require_empty_plan()
    terraform.set(notifications=None)
    terraform.apply()


def test_destroying_stops_the_rotation_and_a_command_starts_it_again(
    managed: Managed, aws_cli: Path
) -> None:
    before = managed.secret.text()
    managed.terraform.destroy()
    assert not managed.rotates()

    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("run", "managed-again")],
        check=True,
        env={
            **os.environ,
            **managed.aws.environment,
            "PATH": f"{aws_cli.parent}{os.pathsep}{os.environ['PATH']}",
        },
    )

    assert managed.rotates()
    assert managed.secret.text() == before
