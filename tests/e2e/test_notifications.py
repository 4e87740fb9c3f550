"""Each cause of a notification is caused, and its message ends at a subscriber of the topic."""

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from rotation.event import Step
from testing.harness.account import Aws, Rotation, Secret, eventually, inventory, messages
from testing.harness.terraform import Terraform
from testing.local_aws import LocalAws
from tests.e2e.notifications import Notified, received, subscribed
from tests.e2e.roles import Grant, as_role, denied_at_once, error_code, granted, without
from tests.e2e.walk import denied
from watcher.findings import BETWEEN_LOOKS, look_at

pytestmark = [
    pytest.mark.xdist_group("notifications"),
    pytest.mark.local_only("The clock of a real account cannot change."),
]

_HOUR: Final = timedelta(hours=1)
_ROOT: Final = """
resource "aws_kms_key" "topic" {
  deletion_window_in_days = 7
}

module "rotating_secret" {
  source = "../"

  maximum_age_days        = 1
  name                    = "notified/key"
  alarm_actions           = []
  give_up_after_hours     = 3
  metrics                 = true
  recovery_window_in_days = 0
  rotate_immediately      = false
  rotation                = { random_value = {} }
  schedule_expression     = "rate(4 hours)"

  notifications = {
    dashboard         = true
    include_successes = true
    kms_key_arn       = aws_kms_key.topic.arn
  }
}

output "rotating_secret" {
  value = module.rotating_secret
}
"""


@pytest.fixture(scope="module")
def notified(aws: Aws, module: Path) -> Iterator[Notified]:
    before = inventory(aws)
    (module / "notified").mkdir()
    (module / "notified" / "main.tf").write_text(_ROOT)
    terraform = Terraform(module, "notified", aws.environment, {})
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()["rotating_secret"]
        with subscribed(aws, outputs["notification_topic_arn"], "notified") as url:
            yield Notified(
                aws=aws,
                queue_url=url,
                secret=Secret(aws, outputs["secret_arn"]),
                terraform=terraform,
                outputs=outputs,
            )
    finally:
        if isinstance(aws, LocalAws):
            aws.set(scheduler_seconds_ahead=0)
        terraform.destroy("-refresh=false")
    assert inventory(aws) == before


def _created(notified: Notified, version_id: str) -> datetime:
    secrets = notified.aws.client("secretsmanager")
    listed = secrets.list_secret_version_ids(SecretId=notified.secret.secret_id)["Versions"]
    (created,) = (one["CreatedDate"] for one in listed if one["VersionId"] == version_id)
    assert isinstance(created, datetime)
    return created


_LOOK: Final = {"source": "aws.events", "time": "2026-03-01T08:00:00Z"}
# Without a time, it is the look that has the pending version given up.
_GIVE_UP: Final = {"source": "aws.events"}
_REPORT: Final = {"source": "aws.secretsmanager", "detail": {"eventName": "RotationFailed"}}
# For each grant of the watcher: an event that needs it, and the error without it. Without those on
# its log, the watcher still works.
_GRANTS: Final[dict[Grant, tuple[dict[str, Any], str]]] = {
    ("LookAtThisSecret", "secretsmanager:DescribeSecret"): (_LOOK, "AccessDeniedException"),
    ("LookAtThisSecret", "secretsmanager:ListSecretVersionIds"): (_LOOK, "AccessDeniedException"),
    ("HaveARotationGivenUp", "lambda:InvokeFunction"): (_GIVE_UP, "AccessDeniedException"),
    ("Notify", "sns:Publish"): (_REPORT, "AuthorizationError"),
    ("UseTheKeyOfTheTopic", "kms:Decrypt"): (_REPORT, "KMSAccessDenied"),
    ("UseTheKeyOfTheTopic", "kms:GenerateDataKey"): (_REPORT, "KMSAccessDenied"),
    ("DeliverLogs", "logs:CreateLogStream"): (_LOOK, ""),
    ("DeliverLogs", "logs:PutLogEvents"): (_LOOK, ""),
}


@pytest.mark.campaign("Grants")
def test_the_watcher_needs_each_of_its_grants_and_has_no_other(notified: Notified) -> None:
    aws, secret, role = notified.aws, notified.secret, notified.name
    secrets = aws.client("secretsmanager")
    assert granted(aws, role) == _GRANTS.keys()
    # Only with a pending version, a look asks for more than the description.
    secret.put("current")
    pending = secrets.put_secret_value(
        SecretId=secret.secret_id, SecretString="pending", VersionStages=["AWSPENDING"]
    )["VersionId"]

    # The function is invoked, and gives up no version that is seconds old.
    given_up = look_at(_created(notified, pending) + 3 * _HOUR) + BETWEEN_LOOKS

    for grant, (event_without_time, error) in _GRANTS.items():
        event = {"time": given_up.isoformat(), **event_without_time}
        logged = len(messages(aws, notified.outputs["watcher_log_group_name"]))
        with without(aws, role, grant):
            assert error in notified.invoke(**event), grant
        if not error:
            assert len(messages(aws, notified.outputs["watcher_log_group_name"])) == logged
        assert notified.invoke(**event) == "", grant

    secret.give_up(Rotation(pending, None))
    while len(notified.received) < 3:
        notified.receive()
    assert notified.causes == ["failed"] * 3
    clients = as_role(aws, role)
    assert error_code(clients("secretsmanager").get_secret_value, SecretId=secret.secret_id)
    # Not even an administrator publishes to the topic.
    publish = aws.client("sns").publish
    topic = notified.outputs["notification_topic_arn"]
    assert error_code(publish, TopicArn=topic, Message="forged") == "AuthorizationError"


def _matches(notified: Notified, kind: str, **detail: object) -> bool:
    """Ask EventBridge whether an event from CloudTrail matches the rule."""
    events = notified.aws.client("events")
    event = {
        "account": "123456789012",
        "detail": {"eventSource": "secretsmanager.amazonaws.com", **detail},
        "detail-type": f"AWS {kind} via CloudTrail",
        "id": "0f5e7b5e-3a52-4b0c-8d0f-4c8f0f2b6c1d",
        "region": "eu-west-1",
        "resources": [],
        "source": "aws.secretsmanager",
        "time": "2026-03-01T08:00:11Z",
    }
    pattern = events.describe_rule(Name=notified.name)["EventPattern"]
    answer = events.test_event_pattern(Event=json.dumps(event), EventPattern=pattern)
    return bool(answer["Result"])


def test_only_events_of_this_secret_reach_the_watcher(notified: Notified) -> None:
    ours = notified.secret.secret_id
    other = f"{ours}-of-another"
    for name in ("RotationAbandoned", "RotationFailed", "RotationSucceeded", "TestRotationFailed"):
        for arn in (ours, other):
            data = {"SecretId": arn}
            matches = _matches(notified, "Service Event", eventName=name, additionalEventData=data)
            assert matches == (arn == ours), name
    for name in ("CancelRotateSecret", "DeleteResourcePolicy", "DeleteSecret", "PutResourcePolicy"):
        for key in ("aRN", "arn"):
            for arn in (ours, other):
                found = {key: arn}
                matches = _matches(notified, "API Call", eventName=name, responseElements=found)
                assert matches == (arn == ours), name
        # A call that failed changed nothing.
        assert not _matches(notified, "API Call", eventName=name, responseElements=None)


def _records(notified: Notified, output: str) -> list[dict[str, Any]]:
    """Return the records of a log group of which CloudWatch makes metrics."""
    logged = messages(notified.aws, notified.outputs[output])
    records = [json.loads(one) for one in logged if one.startswith("{")]
    return [record for record in records if "_aws" in record]


def _require_metrics(notified: Notified) -> None:
    """Check the metrics of a first rotation, of a failure, and of a look at an old value."""
    steps = _records(notified, "log_group_name")
    assert {record["failures"] for record in steps} == {0, 1}
    assert {record["step"] for record in steps if not record["failures"]} >= {*Step}
    now = timedelta(seconds=notified.ahead) / _HOUR

    def last_age() -> float:
        return float(_records(notified, "watcher_log_group_name")[-1]["age_hours"])

    # The message comes before the log record of the same look.
    eventually("The age of the current value", last_age, lambda age: now - 1 < age <= now + 1)
    made = set()
    for record in (*steps, *_records(notified, "watcher_log_group_name")):
        for directive in record["_aws"]["CloudWatchMetrics"]:
            (dimensions,), name = directive["Dimensions"], directive["Metrics"][0]["Name"]
            assert {*dimensions, name} <= record.keys()
            pairs = (pair for key in dimensions for pair in (key, record[key]))
            made.add((directive["Namespace"], name, *pairs))
    _require_dashboard(notified, made)


def _require_dashboard(notified: Notified, made: set[tuple[str, ...]]) -> None:
    """Check that the dashboard shows each metric of a rotation, each alarm and the log."""
    watch = notified.aws.client("cloudwatch")
    (entry,) = watch.list_dashboards()["DashboardEntries"]
    dashboard = watch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
    shown = [one["properties"] for one in json.loads(dashboard)["widgets"]]
    of_rotations = {one for one in made if "giveUp" not in one}
    assert {tuple(one) for each in shown for one in each.get("metrics", [])} == of_rotations
    alarms = {one["AlarmArn"] for one in watch.describe_alarms()["MetricAlarms"]}
    assert {one for each in shown for one in each.get("alarms", [])} == alarms
    (query,) = (one["query"] for one in shown if "query" in one)
    assert query.startswith(f"SOURCE '{notified.outputs['log_group_name']}' | ")


def _failed_rotation(notified: Notified) -> Rotation:
    """Let a rotation fail before its version has a value."""
    iam = notified.aws.client("iam")
    broken = {"RoleName": notified.outputs["function_role_name"], "PolicyName": "broken"}
    iam.put_role_policy(**broken, PolicyDocument=denied("secretsmanager:PutSecretValue"))
    with denied_at_once(notified.aws):
        rotation = notified.secret.rotate()
        text = notified.next_message("failed")
    assert notified.outputs["log_group_name"] in text
    iam.delete_role_policy(**broken)
    return rotation


@contextlib.contextmanager
def _gives_up_at_once(notified: Notified) -> Iterator[None]:
    """Set the age of a rotation that the function gives up to 0: its own clock cannot change."""
    functions, named = notified.aws.client("lambda"), notified.outputs["function_name"]
    before = functions.get_function_configuration(FunctionName=named)["Environment"]
    settings = json.loads(before["Variables"]["ROTATION_SETTINGS"])
    assert settings["give_up_after_hours"] == 3
    changed = {"ROTATION_SETTINGS": json.dumps({**settings, "give_up_after_hours": 0})}
    environment = {"Variables": {**before["Variables"], **changed}}
    functions.update_function_configuration(FunctionName=named, Environment=environment)
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=named, Environment=before)


def test_a_rotation_that_is_given_up_ends_at_a_subscriber(notified: Notified) -> None:
    rotation = _failed_rotation(notified)
    with _gives_up_at_once(notified):
        notified.look_after(_created(notified, rotation.token) + 3 * _HOUR)
        assert "begins with a new version" in notified.next_message("given_up")
    assert rotation.token not in notified.secret.versions()

    def last_record() -> tuple[str | None, ...]:
        record = _records(notified, "log_group_name")[-1]
        return tuple(record.get(name) for name in ("step", "error", "version_id"))

    expected = ("giveUp", "GivenUp", rotation.token)
    eventually("The log record", last_record, lambda record: record == expected)


def test_each_cause_ends_at_a_subscriber_once(notified: Notified) -> None:
    aws, secret = notified.aws, notified.secret
    named = {"SecretId": secret.secret_id}
    secrets = aws.client("secretsmanager")
    caller = aws.client("sts").get_caller_identity()["Arn"]

    # The first rotation should have come in its window.
    notified.look_after(notified.described()["NextRotationDate"] + _HOUR)
    assert "no rotation has started" in notified.next_message("never_started")

    secret.rotate_and_wait()
    notified.next_message("succeeded")

    rotation = _failed_rotation(notified)
    # Each day, also if Secrets Manager said nothing.
    pending = _created(notified, rotation.token)
    for _ in range(2):
        notified.look_after(pending + 2 * _HOUR)
        notified.next_message("stuck")

    secret.put("by hand")
    notified.next_message("abandoned")

    secrets.put_resource_policy(**named, ResourcePolicy=denied("secretsmanager:x", Principal="*"))
    assert "PutResourcePolicy at 20" in notified.next_message("policy_changed")
    secrets.delete_resource_policy(**named)
    assert f"by {caller}." in notified.next_message("policy_changed")

    notified.look_after(notified.described()["NextRotationDate"] + _HOUR)
    notified.next_message("overdue")
    _require_metrics(notified)

    (created,) = (
        one["CreatedDate"]
        for one in secrets.list_secret_version_ids(**named)["Versions"]
        if "AWSCURRENT" in one["VersionStages"]
    )
    notified.look_after(created + 25 * _HOUR)
    notified.next_message("too_old")

    secrets.cancel_rotate_secret(**named)
    assert f"by {caller}." in notified.next_message("switched_off")
    notified.look_after(datetime.fromisoformat(notified.settings()["since"]) + _HOUR)
    notified.next_message("switched_off")
    notified.terraform.apply()
    assert notified.described()["RotationEnabled"]
    notified.terraform.require_empty_plan()

    secrets.delete_secret(**named, RecoveryWindowInDays=7)
    assert f"by {caller}." in notified.next_message("deleted")
    notified.look_after(datetime.fromisoformat(notified.settings()["since"]))
    notified.next_message("deleted")
    secrets.restore_secret(**named)


@pytest.mark.slow
def test_the_callers_topic_receives_the_watchers_messages(notified: Notified, module: Path) -> None:
    """The last one, because the topic of the module is gone then."""
    aws = notified.aws
    topic = aws.client("sns").create_topic(Name="alerts")["TopicArn"]
    given = _ROOT.replace("kms_key_arn = aws_kms_key.topic.arn", f'topic_arn = "{topic}"')
    (module / "notified" / "main.tf").write_text(given)
    notified.terraform.apply()
    try:
        with subscribed(aws, topic, "alerts") as url:
            aws.client("secretsmanager").delete_resource_policy(SecretId=notified.secret.secret_id)
            (message,) = eventually("A message", lambda: received(aws, url))
    finally:
        aws.client("sns").delete_topic(TopicArn=topic)
    assert message["MessageAttributes"]["cause"]["Value"] == "policy_changed"
