"""The watcher: what it finds, when it says so, and its messages."""

import dataclasses
import json
import random
import re
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain, pairwise
from typing import Any, Final

import pytest

from tests.readme.blocks import block
from tests.unit.cases import SEED
from watcher.findings import (
    BETWEEN_LOOKS,
    Cause,
    Finding,
    Schedule,
    find,
    find_previous,
    look_at,
    oldest_valid,
    pending_version,
    previous_of,
    unscheduled_since,
)
from watcher.handler import lambda_handler
from watcher.messages import cause_of, message

ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports/uploader-a1B2c3"
NOW: Final = datetime(2026, 3, 1, 8, 7, 11, tzinfo=UTC)
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)

Described = Mapping[str, Any]


def looks(start: datetime, length: timedelta) -> Iterator[datetime]:
    """Every look in a time."""
    first = look_at(start) + BETWEEN_LOOKS
    for number in range(length // BETWEEN_LOOKS):
        yield first + number * BETWEEN_LOOKS


def said(
    state: Callable[[datetime], tuple[Described | None, datetime | None, datetime | None]],
    schedule: Schedule,
    length: timedelta,
) -> list[tuple[Cause, datetime]]:
    """All that the looks say in a time after the set-up, if the secret has a state at each look."""
    return [
        (finding.cause, look)
        for look in looks(schedule.since, length)
        for finding in find(*state(look), schedule)
        if finding.is_said_by(look)
    ]


class Kind(StrEnum):
    """Who rotates a secret."""

    OURS = "our-function"
    EXISTING = "existing-function"
    MANAGED = "managed"
    SWITCHED_ON = "managed-and-switched-on-again"

    @property
    def is_managed(self) -> bool:
        """Whether a service rotates it, which has made the secret and changes its one password."""
        return self in {Kind.MANAGED, Kind.SWITCHED_ON}


@dataclass(frozen=True, kw_only=True)
class Year:
    """A healthy secret: each rotation comes in its window, perhaps late, and may fail there."""

    kind: Kind
    schedule: Schedule
    created: datetime
    enabled: datetime
    """When the apply that has made the watcher switches the rotation on, with its schedule."""
    rotations: list[tuple[datetime, datetime, datetime]]
    """When each one begins and ends, and when its window closes."""

    @property
    def settings(self) -> dict[str, object]:
        """The settings that the module gives to the watcher."""
        schedule, managed = self.schedule, self.kind.is_managed
        return {
            "log_group_name": "/aws/lambda/rotate-reports" if self.kind is Kind.OURS else None,
            "longest_interval_minutes": schedule.longest_interval / timedelta(minutes=1),
            "maximum_age_days": schedule.maximum_age and schedule.maximum_age.days,
            "metrics": True,
            "reactivate_with": None,
            "rotates": schedule.rotates,
            "rotates_immediately": schedule.rotates_immediately,
            "schedule_name": None if schedule.window else "schedule-reports",
            "secret_arn": ARN,
            "since": schedule.since.isoformat(),
            "topic_arn": "arn:aws:sns:eu-west-1:123456789012:alerts",
            "valid_labels": ["AWSCURRENT"] if managed else ["AWSCURRENT", "AWSPREVIOUS"],
            "window_minutes": schedule.window / timedelta(minutes=1),
        }

    def last_looks(self) -> list[datetime]:
        """The last look at each state of the secret.

        A finding depends on the state alone, and stays true with it. So if the last look at a state
        finds nothing, no look at it does.
        """
        end = self.schedule.since + 365 * DAY
        changes = (self.enabled, *chain.from_iterable(one[:2] for one in self.rotations))
        found = {look_at(one - timedelta.resolution) for one in (*changes, end) if one <= end}
        return sorted(one for one in found if one >= self.schedule.since)

    def described(self, moment: datetime) -> tuple[Described, list[Described]]:
        """The response of DescribeSecret, and the versions."""
        ended = bisect(self.rotations, moment, key=lambda one: one[1])
        begins, _, closes = self.rotations[ended]
        described: dict[str, Any] = {"CreatedDate": self.created}
        if moment >= self.enabled or self.kind is Kind.MANAGED:
            described |= {"NextRotationDate": closes, "RotationEnabled": True}
        labels = {ended - 1: ["AWSPREVIOUS"], ended: ["AWSCURRENT"]}
        if begins <= moment:
            labels[ended + 1] = ["AWSPENDING"]
        elif ended and self.kind is not Kind.OURS:
            # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
            labels[ended].append("AWSPENDING")
        if ended:
            described["LastRotatedDate"] = self.rotations[ended - 1][1]
        # Only a service makes its secret with a value.
        first = 0 if self.kind.is_managed else 1
        versions: list[Described] = [
            {
                "VersionId": f"version-{number}",
                "VersionStages": stages,
                "CreatedDate": self.rotations[number - 1][0] if number else self.created,
            }
            for number, stages in labels.items()
            if number >= first
        ]
        described["VersionIdsToStages"] = {
            one["VersionId"]: one["VersionStages"] for one in versions
        }
        return described, versions


def drawn(draw: random.Random, kind: Kind) -> Year:
    """Draw a schedule, and a year of rotations by it."""
    since = NOW + draw.random() * DAY
    days = draw.choice([draw.randint(1, 3), draw.randint(4, 120)])
    interval, longest_window = draw.choice(
        [
            (timedelta(days=days), DAY),
            (draw.randint(4, 23) * HOUR, 4 * HOUR),
            (timedelta(minutes=draw.randint(15, 239)), timedelta()),
        ]
    )
    window = draw.choice([longest_window, min(longest_window, HOUR)])
    immediately = draw.random() < 0.5
    # The watcher may come to a secret that rotates already.
    rotates = kind is not Kind.SWITCHED_ON and draw.random() < 0.5
    enabled = since + (0 if rotates else draw.random()) * HOUR / 2
    created = since - draw.random() * HOUR / 4
    opens = enabled
    rotations: list[tuple[datetime, datetime, datetime]] = []
    if rotates:
        opens = created = since - window - HOUR - draw.random() * 3 * interval
    elif not immediately:
        # The window of a rate in days opens at midnight, and AWS may choose any time in it.
        opens += draw.random() * interval
    if kind is Kind.SWITCHED_ON:
        created = since - draw.random() * 500 * DAY
        rotations.append((created, created, created))
    # The steps of a function take up to an hour. A service typically needs less than a minute:
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html
    longest = timedelta(minutes=1) if kind.is_managed else 0.99 * HOUR
    while opens < since + 500 * DAY:
        late = draw.choice([0.0, draw.random(), 1.0])
        begins = max(opens + late * window, rotations[-1][1] if rotations else opens)
        # A rotation that fails is repeated while the window is open.
        ends = max(begins, draw.choice([begins, opens + window]))
        ends += draw.choice([timedelta(seconds=40), longest])
        rotations.append((begins, ends, opens + window))
        # Without a window, EventBridge's schedule waits for nothing: a call meanwhile is refused.
        # Between the occurrences of a cron expression, some intervals are shorter.
        next_one = opens + max(window, draw.choice([1.0, draw.random()]) * interval)
        opens = next_one if window else max(next_one, ends)
    # As the plan requires: whole days, and of a previous credential that stays valid two intervals.
    maximum_age = -(-((1 if kind.is_managed else 2) * interval + window) // DAY) * DAY
    schedule = Schedule(
        longest_interval=interval,
        window=window,
        rotates_immediately=immediately,
        since=since,
        maximum_age=None if kind is Kind.SWITCHED_ON else maximum_age,
    )
    return Year(kind=kind, schedule=schedule, created=created, enabled=enabled, rotations=rotations)


class Context:
    aws_request_id = "request"


class Cloud:
    """Secrets Manager and EventBridge Scheduler at the time of a look, and SNS."""

    class exceptions:  # noqa: N801 -- botocore's name
        class ResourceNotFoundException(Exception):  # noqa: N818 -- AWS's name
            pass

    def __init__(self) -> None:
        self.described: Described = {}
        self.versions: list[Described] = []
        self.is_scheduled = False
        self.published: list[str] = []

    def describe_secret(self, **_: object) -> Described:
        return self.described

    def list_secret_version_ids(self, **_: object) -> Described:
        return {"Versions": self.versions}

    def get_schedule(self, **_: object) -> Described:
        if not self.is_scheduled:
            raise self.exceptions.ResourceNotFoundException
        return {"State": "ENABLED"}

    def publish(self, **request: str) -> None:
        self.published.append(request["Message"])


@pytest.mark.parametrize(
    "number", [0, *(pytest.param(one, marks=pytest.mark.slow) for one in range(1, 75))]
)
@pytest.mark.parametrize("kind", Kind)
def test_a_healthy_secret_is_silent_for_a_year(
    kind: Kind,
    number: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    year = drawn(random.Random(f"{SEED}/{kind}/{number}"), kind)  # noqa: S311 -- not for cryptography
    cloud = Cloud()
    monkeypatch.setattr("watcher.handler._client", lambda _: cloud)
    monkeypatch.setenv("WATCHER_SETTINGS", json.dumps(year.settings))
    # Any other look at the same state may be the one that says it.
    monkeypatch.setattr(Finding, "is_said_by", lambda finding, look: finding.since <= look)

    def ages(looks: Iterable[datetime]) -> list[timedelta]:
        """Look at the secret, and return the age of its value at each look."""
        for look in looks:
            cloud.described, cloud.versions = year.described(look)
            cloud.is_scheduled = look >= year.enabled
            lambda_handler({"source": "aws.events", "time": look.isoformat()}, Context())
        records = map(json.loads, capsys.readouterr().out.splitlines())
        return [record.get("age_hours", 0) * HOUR for record in records]

    looks = year.last_looks()
    found = zip(looks, ages(looks), strict=True)
    assert cloud.published == []
    # Nor is the alarm on, which compares the lowest age in an hour. If that is too high in an hour,
    # it is so in the hour of the last look at a value, or in the hour before.
    limit = year.schedule.longest_interval + year.schedule.window + HOUR
    old = [look.replace(minute=0) for look, age in found if age > limit]
    # Until a rotation that was switched off comes again, the value is too old.
    start = year.rotations[1][1] if kind is Kind.SWITCHED_ON else looks[0]
    for hour in (one for last in old for one in (last - HOUR, last) if one >= start):
        assert min(ages(hour + quarter * BETWEEN_LOOKS for quarter in range(4))) <= limit


MONTHLY: Final = Schedule(
    longest_interval=30 * DAY, window=DAY, rotates_immediately=True, since=NOW
)


def sick(**changes: object) -> dict[str, Any]:
    """The response of DescribeSecret for a secret that rotated an hour after its set-up."""
    described = {
        "CreatedDate": NOW,
        "LastRotatedDate": NOW + HOUR,
        "NextRotationDate": NOW + 31 * DAY,
        "RotationEnabled": True,
        "VersionIdsToStages": {"old": ["AWSCURRENT"]},
        **changes,
    }
    return {name: value for name, value in described.items() if value is not None}


@pytest.mark.parametrize(
    ("described", "pending_since", "cause", "since"),
    [
        pytest.param(
            sick(VersionIdsToStages={"old": ["AWSCURRENT"], "new": ["AWSPENDING"]}),
            NOW + HOUR,
            Cause.STUCK,
            NOW + DAY + 2 * HOUR,
            id="stuck",
        ),
        pytest.param(
            sick(LastRotatedDate=None, VersionIdsToStages={"new": ["AWSPENDING"]}),
            NOW,
            Cause.STUCK,
            NOW + DAY + HOUR,
            id="stuck-at-the-first-rotation",
        ),
        pytest.param(
            sick(NextRotationDate=None), None, Cause.OVERDUE, NOW + 31 * DAY + 2 * HOUR, id="old"
        ),
        pytest.param(
            sick(NextRotationDate=NOW + 3 * DAY),
            None,
            Cause.OVERDUE,
            NOW + 3 * DAY + HOUR,
            id="past-the-date-of-the-next-rotation",
        ),
        pytest.param(
            sick(LastRotatedDate=None),
            None,
            Cause.NEVER_STARTED,
            NOW + DAY + HOUR,
            id="never-started",
        ),
        pytest.param(sick(RotationEnabled=False), None, Cause.SWITCHED_OFF, NOW + HOUR, id="off"),
        pytest.param(
            sick(RotationEnabled=None), None, Cause.SWITCHED_OFF, NOW + HOUR, id="not-set-up"
        ),
        pytest.param(sick(DeletedDate=NOW), None, Cause.DELETED, NOW, id="scheduled-deletion"),
        pytest.param(None, None, Cause.DELETED, NOW, id="deleted"),
    ],
)
def test_each_finding_is_said_once_a_day(
    described: Described | None, pending_since: datetime | None, cause: Cause, since: datetime
) -> None:
    found = said(lambda _: (described, pending_since, None), MONTHLY, 40 * DAY)
    assert {one for one, _ in found} <= {cause, Cause.OVERDUE}
    times = [look for one, look in found if one is cause]
    assert timedelta() <= times[0] - since < BETWEEN_LOOKS
    assert times == [times[0] + day * DAY for day in range(len(times))]
    assert times[-1] + DAY > NOW + 40 * DAY


def test_a_credential_that_is_older_than_the_maximum_is_found() -> None:
    limited = dataclasses.replace(MONTHLY, maximum_age=90 * DAY)
    found = said(lambda _: (sick(), None, NOW), limited, 100 * DAY)
    times = [look for cause, look in found if cause is Cause.TOO_OLD]
    assert timedelta() <= times[0] - (NOW + 90 * DAY + HOUR) < BETWEEN_LOOKS
    assert Cause.TOO_OLD not in {
        cause for cause, _ in said(lambda _: (sick(), None, NOW), MONTHLY, 100 * DAY)
    }


def test_a_look_of_each_day_has_a_stuck_rotation_given_up() -> None:
    """If the function refuses, e.g. because the service does not answer, it is asked again."""
    stuck = sick(VersionIdsToStages={"old": ["AWSCURRENT"], "new": ["AWSPENDING"]})
    schedule = dataclasses.replace(MONTHLY, give_up_after=48 * HOUR)
    found = said(lambda _: (stuck, NOW + HOUR, None), schedule, 5 * DAY)
    times = [look for cause, look in found if cause is Cause.GIVEN_UP]
    assert timedelta() <= times[0] - (NOW + HOUR + 48 * HOUR) < BETWEEN_LOOKS
    assert [later - one for one, later in pairwise(times)] == [DAY, DAY]
    without = said(lambda _: (stuck, NOW + HOUR, None), MONTHLY, 5 * DAY)
    assert Cause.GIVEN_UP not in {cause for cause, _ in without}


def test_a_rotation_that_the_configuration_has_switched_off_is_not_a_finding() -> None:
    off = dataclasses.replace(MONTHLY, rotates=False)
    assert said(lambda _: (sick(RotationEnabled=False), None, NOW), off, 90 * DAY) == []
    deleted = said(lambda _: (None, None, None), off, DAY)
    assert [cause for cause, _ in deleted] == [Cause.DELETED]


@pytest.mark.parametrize(
    ("found", "since"),
    [
        pytest.param({"State": "ENABLED", "LastModificationDate": NOW}, None, id="enabled"),
        pytest.param(
            {"State": "DISABLED", "LastModificationDate": NOW + 7 * HOUR}, 7 * HOUR, id="disabled"
        ),
        # An apply that makes both makes the schedule after the watcher.
        pytest.param(None, HOUR, id="gone"),
    ],
)
def test_a_schedule_of_eventbridge_that_is_switched_off_is_said_each_day(
    found: Described | None, since: timedelta | None
) -> None:
    unscheduled = unscheduled_since(found, NOW)
    times = [
        look
        for look in looks(NOW, 4 * DAY)
        for finding in find(sick(), None, None, MONTHLY, unscheduled)
        if finding.cause is Cause.SWITCHED_OFF and finding.is_said_by(look)
    ]
    assert len(times) == (0 if since is None else 4)
    if since is not None:
        assert timedelta() <= times[0] - (NOW + since) <= BETWEEN_LOOKS + timedelta(minutes=1)
        assert [later - one for one, later in pairwise(times)] == [DAY] * 3


def test_a_message_names_the_schedule_that_is_switched_off() -> None:
    named = message(Cause.SWITCHED_OFF, arn=ARN, log_group_name=None, schedule_name="schedule-x")
    assert "EventBridge schedule" in named.text
    assert " Schedule: schedule-x.\n" in named.text
    assert named.subject == message(Cause.SWITCHED_OFF, arn=ARN, log_group_name=None).subject
    # A look has all its findings.
    stuck = message(Cause.STUCK, arn=ARN, log_group_name=None, schedule_name="schedule-x")
    assert stuck == message(Cause.STUCK, arn=ARN, log_group_name=None)


def test_a_changed_schedule_makes_nothing_overdue_before_it_is_due_again() -> None:
    described = sick(LastRotatedDate=NOW - 80 * DAY, NextRotationDate=NOW + 31 * DAY)
    found = said(lambda _: (described, None, None), MONTHLY, 40 * DAY)
    assert found[0][1] - NOW >= 31 * DAY + HOUR


def test_a_first_rotation_that_waits_for_its_window_is_not_overdue() -> None:
    waiting = Schedule(longest_interval=30 * DAY, window=DAY, rotates_immediately=False, since=NOW)
    described = sick(LastRotatedDate=None)
    found = said(lambda _: (described, None, None), waiting, 40 * DAY)
    assert found[0][0] is Cause.NEVER_STARTED
    assert found[0][1] - NOW >= 31 * DAY + HOUR


def test_a_look_that_starts_some_minutes_late_is_the_same_look() -> None:
    late = [look_at(NOW.replace(minute=0) + timedelta(minutes=minutes)) for minutes in range(60)]
    assert [late.count(look) for look in sorted({*late})] == [15] * 4


@pytest.mark.parametrize(
    ("labels", "version"),
    [
        pytest.param({"a": ["AWSCURRENT"], "b": ["AWSPENDING"]}, "b", id="running"),
        pytest.param({"a": ["AWSCURRENT", "AWSPENDING"]}, None, id="over"),
        pytest.param({"a": ["AWSCURRENT"], "b": ["AWSPREVIOUS"]}, None, id="none"),
    ],
)
def test_the_pending_version_is_that_of_a_rotation_that_is_not_over(
    labels: object, version: str | None
) -> None:
    assert pending_version(sick(VersionIdsToStages=labels)) == version


def test_no_version_is_asked_for_if_nothing_rotates_the_secret() -> None:
    """Secrets Manager lists no versions of a secret that is scheduled for deletion."""
    labels = {"b": ["AWSPENDING"]}
    assert pending_version(sick(VersionIdsToStages=labels, DeletedDate=NOW)) is None
    assert pending_version(sick(VersionIdsToStages=labels, RotationEnabled=False)) is None


_TAG: Final = "active AKIAIOSFODNN7EXAMPLE 2026-03-01T08:07:11Z"
_USE: Final = " used 2026-03-09T08:07:11Z 2026-03-08T22:00:00Z s3 eu-west-1"
_INACTIVE: Final = _TAG.replace("active", "inactive")


@pytest.mark.parametrize(
    ("tag", "causes"),
    [
        pytest.param(_TAG, {}, id="active"),
        pytest.param(_TAG + _USE, {Cause.PREVIOUS_IN_USE: NOW + 8 * DAY}, id="used"),
        pytest.param(_INACTIVE, {Cause.PREVIOUS_DEACTIVATED: NOW}, id="inactive"),
        pytest.param(
            _INACTIVE + _USE,
            {Cause.PREVIOUS_DEACTIVATED: NOW, Cause.PREVIOUS_IN_USE: NOW + 8 * DAY},
            id="inactive-and-used",
        ),
        pytest.param(f"{_INACTIVE}\nrun this", {}, id="of-another-form"),
        pytest.param("none", {}, id="none"),
    ],
)
def test_the_state_of_a_previous_credential_is_said_once(
    tag: str, causes: Mapping[Cause, datetime]
) -> None:
    previous = previous_of({"Tags": [{"Key": "rotation-previous", "Value": tag}]}, "reactivate")
    findings = find_previous(previous) if previous else []
    said_at = [
        (f.cause, look) for look in looks(NOW, 20 * DAY) for f in findings if f.is_said_by(look)
    ]
    assert {cause for cause, _ in said_at} == causes.keys()
    assert len(said_at) == len(causes)
    for cause, look in said_at:
        assert timedelta() < look - causes[cause] <= BETWEEN_LOOKS + timedelta(minutes=1)
        written = message(cause, arn=ARN, log_group_name=None, previous=previous).text
        assert "AKIAIOSFODNN7EXAMPLE" in written
        assert "run: reactivate AKIAIOSFODNN7EXAMPLE" in written
        used = "last used at 2026-03-08T22:00:00Z for s3 in eu-west-1" in written
        assert used == (" used " in tag)


@pytest.mark.parametrize(
    ("tag", "rotated", "oldest"),
    [
        pytest.param("none", NOW - 9 * DAY, NOW - 40 * DAY, id="without-a-note"),
        pytest.param(_TAG, NOW - 9 * DAY, NOW - 40 * DAY, id="active"),
        pytest.param(_INACTIVE, NOW - 9 * DAY, NOW - 9 * DAY, id="inactive"),
        pytest.param(_INACTIVE, NOW + DAY, NOW - 40 * DAY, id="inactive-before-the-rotation"),
    ],
)
def test_an_inactive_previous_credential_has_no_age(
    tag: str, rotated: datetime, oldest: datetime
) -> None:
    versions: list[dict[str, Any]] = [
        {"VersionStages": ["AWSCURRENT"], "CreatedDate": rotated},
        {"VersionStages": ["AWSPREVIOUS"], "CreatedDate": NOW - 40 * DAY},
        {"CreatedDate": NOW - 70 * DAY},
    ]
    previous = previous_of({"Tags": [{"Key": "rotation-previous", "Value": tag}]}, "reactivate")
    assert oldest_valid(versions, ["AWSCURRENT", "AWSPREVIOUS"], previous) == oldest


def test_a_secret_without_the_tag_has_no_state_of_a_previous_credential() -> None:
    assert previous_of({}, "reactivate") is None


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("group", ["/aws/lambda/rotate-reports", None], ids=["log", "no-log"])
def test_a_message_says_which_secret_what_happened_what_to_do_and_where_to_look(
    cause: Cause, group: str | None
) -> None:
    written = message(cause, arn=ARN, log_group_name=group)
    assert written.cause is cause
    assert written.subject.startswith("reports/uploader: ")
    lines = written.text.splitlines()
    assert lines[0] == f"Secret: {ARN}"
    beginnings = ["What happened: ", "Next step: ", "Where to look:", "- "]
    assert all(any(line.startswith(one) for line in lines) for one in beginnings)
    assert re.search(r"https://docs\.aws\.amazon\.com/", written.text)
    assert not re.search(r"[{}]|None", written.text)
    logged = cause in {
        *(
            Cause.FAILED,
            Cause.GIVEN_UP,
            Cause.NEVER_STARTED,
            Cause.OVERDUE,
            Cause.STUCK,
            Cause.TOO_OLD,
        ),
    }
    assert ("aws logs tail" in written.text) == (logged and group is not None)


def test_the_page_of_the_example_shows_a_message() -> None:
    shown = block("value", "stuck")
    arn = shown.partition("\n")[0].removeprefix("Secret: ")
    (group,) = re.findall(r"aws logs tail (\S+)", shown)
    assert message(Cause.STUCK, arn=arn, log_group_name=group).text == shown.rstrip("\n")


@pytest.mark.parametrize("cause", Cause)
def test_the_subject_fits_for_the_longest_name(cause: Cause) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    arn = ARN.replace("reports/uploader", "r" * 512)
    subject = message(cause, arn=arn, log_group_name=None).subject
    assert re.fullmatch(r"[ -~]{1,100}", subject)
    assert subject.startswith("rrrrr")


def cloudtrail(name: object, **detail: object) -> dict[str, Any]:
    """An event of EventBridge that comes from CloudTrail."""
    return {"source": "aws.secretsmanager", "detail": {"eventName": name, **detail}}


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("CancelRotateSecret", Cause.SWITCHED_OFF),
        ("DeleteResourcePolicy", Cause.POLICY_CHANGED),
        ("DeleteSecret", Cause.DELETED),
        ("PutResourcePolicy", Cause.POLICY_CHANGED),
        ("RotationAbandoned", Cause.ABANDONED),
        ("RotationFailed", Cause.FAILED),
        ("RotationSucceeded", Cause.SUCCEEDED),
        ("TestRotationFailed", Cause.FAILED),
        ("TagResource", None),
        (None, None),
    ],
)
def test_an_event_has_a_cause(name: object, cause: Cause | None) -> None:
    assert cause_of(cloudtrail(name)) is cause


def test_a_message_names_the_event_its_time_and_its_caller() -> None:
    event = cloudtrail(
        "DeleteSecret",
        eventTime="2026-03-01T08:07:11Z",
        userIdentity={"arn": "arn:aws:sts::123456789012:assumed-role/admin/mona@example.com"},
    )
    text = message(Cause.DELETED, arn=ARN, log_group_name=None, event=event).text
    ending = "by arn:aws:sts::123456789012:assumed-role/admin/mona@example.com."
    assert f"Event: DeleteSecret at 2026-03-01T08:07:11Z {ending}" in text


@pytest.mark.parametrize(
    "detail",
    [
        {"eventTime": "now\nNext step: nothing", "userIdentity": {"arn": "arn:aws:\nRun this"}},
        {"eventTime": 7, "userIdentity": "mona"},
        {"userIdentity": {"type": "AWSService"}},
    ],
)
def test_an_event_of_another_form_adds_nothing_to_a_message(detail: dict[str, object]) -> None:
    event = cloudtrail("DeleteSecret", **detail)
    text = message(Cause.DELETED, arn=ARN, log_group_name=None, event=event).text
    plain = message(Cause.DELETED, arn=ARN, log_group_name=None).text
    assert text.replace(" Event: DeleteSecret.", "") == plain
