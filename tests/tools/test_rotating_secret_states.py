"""Each state of a secret, and which secrets are the module's, without AWS."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from rotating_secret.report import as_json, as_table
from rotating_secret.secret import (
    Function,
    Previous,
    Schedule,
    Secret,
    State,
    Version,
    default_function_name,
    judge,
    previous_of,
    window,
)
from rotating_secret.survey import names_of
from rotation.previous import Note
from tests.strategies import CUSTOM

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-a1B2c3"
PATTERN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-??????"
FUNCTION = Function(
    name="rotate-reports-uploader-930766b9",
    log_group="/aws/lambda/rotate-reports-uploader-930766b9",
    timeout=timedelta(minutes=2),
    settings={"strategy": CUSTOM.name, "secret_arn_pattern": PATTERN},
)
CURRENT = Version(version_id="1", labels=["AWSCURRENT"], created=NOW - timedelta(days=3))
SECRET = Secret(
    arn=ARN,
    name="reports/uploader",
    region="eu-west-1",
    enabled=True,
    last_rotation=NOW - timedelta(days=3),
    next_rotation=NOW + timedelta(days=27),
    deleted=False,
    managed=False,
    rules={"ScheduleExpression": "rate(30 days)", "Duration": "3h"},
    versions=[CURRENT],
    function=FUNCTION,
    schedule=None,
)


def pending(**age: float) -> list[Version]:
    created = NOW - timedelta(**age)
    return [Version(version_id="2", labels=["AWSPENDING"], created=created), CURRENT]


def every(expression: str, *, enabled: bool = True) -> Schedule:
    return Schedule(name="schedule-reports-uploader", expression=expression, enabled=enabled)


HOUR_AGO = NOW - timedelta(hours=1)

CASES = [
    ("healthy", SECRET, State.HEALTHY, ""),
    (
        "promoted",
        replace(SECRET, versions=[replace(CURRENT, labels=["AWSCURRENT", "AWSPENDING"])]),
        State.HEALTHY,
        "",
    ),
    ("rotating", replace(SECRET, versions=pending(minutes=8)), State.ROTATING, ""),
    (
        "failed",
        replace(SECRET, versions=pending(minutes=9)),
        State.FAILED,
        "11:51 UTC has not succeeded. The log group /aws/lambda/rotate-reports-uploader-",
    ),
    (
        "stuck",
        replace(SECRET, versions=pending(hours=3.1)),
        State.STUCK,
        "Or give it up with: rotating-secret give-up reports/uploader",
    ),
    ("empty", replace(SECRET, versions=[]), State.FAILED, "There is no value"),
    ("gone", replace(SECRET, function=replace(FUNCTION, exists=False)), State.FAILED, "exist"),
    ("overdue", replace(SECRET, next_rotation=HOUR_AGO), State.OVERDUE, "due by 2026-03-01 11:00"),
    (
        "fast",
        replace(SECRET, schedule=every("rate(71 hours)"), next_rotation=HOUR_AGO),
        State.HEALTHY,
        "",
    ),
    ("fast-overdue", replace(SECRET, schedule=every("rate(70 hours)")), State.OVERDUE, "due by"),
    (
        "fast-stuck",
        replace(SECRET, schedule=every("rate(71 hours)"), versions=pending(minutes=9)),
        State.STUCK,
        "Its rotation window has passed.",
    ),
    (
        "fast-cron",
        replace(SECRET, schedule=every("cron(30 8 * * ? *)"), next_rotation=HOUR_AGO),
        State.OVERDUE,
        "due by",
    ),
    (
        "disabled",
        replace(SECRET, schedule=every("rate(36 hours)", enabled=False)),
        State.OFF,
        "schedule-reports-uploader is disabled",
    ),
    ("off", replace(SECRET, enabled=False, versions=pending(hours=9)), State.OFF, "turned off"),
    ("deleted", replace(SECRET, enabled=False, deleted=True), State.DELETED, "restore-secret"),
]


@pytest.mark.parametrize(
    ("secret", "state", "advice"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_a_state_follows_from_what_aws_knows(secret: Secret, state: State, advice: str) -> None:
    found, text = judge(secret, NOW)
    assert found is state
    assert advice in text
    assert bool(advice) is bool(text)


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        ({"AutomaticallyAfterDays": 30}, 24),
        ({"ScheduleExpression": "rate(10 days)"}, 24),
        ({"ScheduleExpression": "rate(4 hours)"}, 1),
        ({"ScheduleExpression": "cron(0 8 1 * ? *)"}, 16),
        ({"ScheduleExpression": "cron(0 0/8 * * ? *)"}, 1),
        ({"ScheduleExpression": "rate(10 days)", "Duration": "2h"}, 2),
    ],
)
def test_a_window_has_the_length_that_aws_documents(rules: dict[str, str], hours: int) -> None:
    assert window(rules) == timedelta(hours=hours)


_HIDDEN = replace(
    FUNCTION,
    settings=None,
    encrypted=True,
    handler="handler.lambda_handler",
    description="Rotates reports/uploader",
)
_GONE = replace(FUNCTION, settings=None, exists=False)


@pytest.mark.parametrize(
    ("function", "ours", "strategy"),
    [
        pytest.param(FUNCTION, True, CUSTOM.name, id="settings"),
        pytest.param(_HIDDEN, True, None, id="encrypted-settings"),
        pytest.param(_GONE, True, None, id="gone"),
        pytest.param(replace(_GONE, name="rotate"), False, "function", id="other-gone"),
        pytest.param(replace(_HIDDEN, description="Mine"), False, "function", id="other-encrypted"),
        pytest.param(replace(FUNCTION, settings=None), False, "function", id="no-settings"),
        pytest.param(None, False, None, id="no-function"),
    ],
)
def test_a_secret_is_the_modules_by_its_function(
    function: Function | None, *, ours: bool, strategy: str | None
) -> None:
    secret = replace(SECRET, function=function)
    assert (secret.is_ours, secret.strategy) == (ours, strategy)


def test_a_function_of_another_secret_is_not_counted() -> None:
    assert not replace(SECRET, arn=ARN.replace("uploader", "reader")).is_ours


def test_a_secret_that_terraform_destroyed_is_not_counted() -> None:
    assert not replace(SECRET, function=_GONE, enabled=False, deleted=True).is_ours


def test_the_default_name_of_a_function_is_that_of_the_module() -> None:
    """docs/operations.md has this name, and its test applies the module."""
    assert default_function_name("eu-west-1", "reports/uploader") == FUNCTION.name
    assert len(default_function_name("eu-west-1", "x" * 99)) == 64


@pytest.mark.parametrize(
    ("value", "json_key", "names"),
    [
        ('{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "s"}', None, ["AccessKeyId"]),
        ('{"key_id": 7, "private_key": "s"}', None, ["key_id"]),
        ('{"username": "app_clone", "password": "s"}', None, ["username"]),
        ('{"username": "s"}', "username", []),
        ('{"AccessKeyId": "s", "username": "\\u001b[2J"}', None, []),
        ('["s"]', None, []),
        ("s", None, []),
    ],
)
def test_only_names_of_a_credential_are_read_from_a_value(
    value: str, json_key: str | None, names: list[str]
) -> None:
    assert [*names_of(value, hidden=json_key)] == names


KEY = "AKIAIOSFODNN7EXAMPLE"
USED = " used 2026-03-01T09:00:00Z 2026-03-01T08:00:00Z s3 eu-west-1"


@pytest.mark.parametrize(
    ("active", "use", "rotated"),
    [
        pytest.param(True, "", NOW - timedelta(days=3), id="active"),
        pytest.param(False, "", None, id="inactive"),
        pytest.param(True, USED, NOW - timedelta(days=3), id="in-use"),
    ],
)
def test_the_tag_of_the_function_says_the_state_of_the_previous_credential(
    *, active: bool, use: str, rotated: datetime | None
) -> None:
    text = Note(identity=KEY, active=active, since=NOW).text() + use
    tag = {"Key": "rotation-previous", "Value": text}
    found = previous_of({"LastRotatedDate": rotated, "Tags": [tag]})
    assert found is not None
    assert (found.credential, found.active, found.since) == (KEY, active, NOW)
    last = {"time": "2026-03-01T08:00:00Z", "service": "s3", "region": "eu-west-1"}
    assert found.use == (last if use else None)


@pytest.mark.parametrize(
    ("text", "rotated"),
    [
        pytest.param(f"active {KEY} 2026-03-01T12:00:00Z", NOW, id="before-the-last-rotation"),
        pytest.param(f"inactive {KEY}\nrun this 2026-03-01T12:00:00Z", None, id="of-another-form"),
        pytest.param("", None, id="none"),
    ],
)
def test_a_tag_that_says_nothing_of_the_previous_credential_is_ignored(
    text: str, rotated: datetime | None
) -> None:
    tag = {"Key": "rotation-previous", "Value": text}
    assert previous_of({"LastRotatedDate": rotated, "Tags": [tag]}) is None


@pytest.mark.parametrize(
    ("active", "use", "state"),
    [(True, None, "active"), (True, {"service": "s3"}, "in use"), (False, None, "inactive")],
)
def test_the_line_of_the_previous_version_has_its_state(
    *, active: bool, use: dict[str, str] | None, state: str
) -> None:
    previous = Previous(credential=KEY, active=active, since=NOW, use=use)
    old = replace(CURRENT, labels=["AWSPREVIOUS"])
    secret = replace(SECRET, previous=previous, versions=[CURRENT, old])
    console = Console(file=io.StringIO(), width=200)
    console.print(as_table([(secret, State.HEALTHY, "")], NOW, with_region=False))
    assert isinstance(console.file, io.StringIO)
    *_, current, line = console.file.getvalue().splitlines()
    assert line.split(maxsplit=3)[3].rstrip() == f"{state} since 2026-03-01 12:00"
    assert state not in current.partition("AWSCURRENT")[2]
    shown = as_json(secret, State.HEALTHY, "")["previous"]
    assert (shown["state"], shown["last_use"]) == (state, use)
