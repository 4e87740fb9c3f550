"""Finds what is wrong with the rotation of a secret, and decides which look says so.

The watcher keeps nothing between two looks. A finding has the time from which it is true, and the
looks are on a fixed grid. So one look in each day of a finding says it, also if Lambda repeats that
look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# modules/notifications has the same in the schedule of its rule.
BETWEEN_LOOKS = timedelta(minutes=15)
_BETWEEN_REMINDERS = timedelta(days=1)
# Four steps take at most an hour, because Lambda stops an invocation after 15 minutes:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_ROTATION = timedelta(hours=1)
# A look may read an earlier state, e.g. of a tag, which AWS shows within seconds.
_READING = timedelta(minutes=1)
# An apply makes the watcher before it switches the rotation on and makes the schedule.
_SET_UP = timedelta(hours=1)
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


class Cause(StrEnum):
    """Why the watcher sends a message."""

    ABANDONED = "abandoned"
    DELETED = "deleted"
    FAILED = "failed"
    GIVEN_UP = "given_up"
    NEVER_STARTED = "never_started"
    OVERDUE = "overdue"
    POLICY_CHANGED = "policy_changed"
    PREVIOUS_DEACTIVATED = "previous_deactivated"
    PREVIOUS_IN_USE = "previous_in_use"
    STUCK = "stuck"
    SUCCEEDED = "succeeded"
    SWITCHED_OFF = "switched_off"
    TOO_OLD = "too_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the secret must rotate."""

    longest_interval: timedelta
    window: timedelta
    rotates_immediately: bool
    since: datetime
    """When the watcher learned of this schedule. Nothing is overdue that was due before."""
    maximum_age: timedelta | None = None
    """How long a credential may stay valid; None if nothing limits it."""
    rotates: bool = True
    """Whether the secret must rotate; False if the configuration has switched it off."""
    give_up_after: timedelta | None = None
    """The age at which a rotation is given up; None if none is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and since when."""

    cause: Cause
    since: datetime
    repeats: bool = True

    def is_said_by(self, look: datetime) -> bool:
        """Return whether this look is the first one in a day of the finding, or the first one."""
        before = look - BETWEEN_LOOKS - self.since
        if not self.repeats and before >= timedelta():
            return False
        return look >= self.since and before // _BETWEEN_REMINDERS != (
            (look - self.since) // _BETWEEN_REMINDERS
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The note of the rotation function about the previous credential."""

    identity: str
    active: bool
    since: datetime
    """Since when it is active or inactive."""
    reactivate_with: str
    """The command that reactivates it."""
    reported: datetime | None = None
    """When the function found its last use, and what that was."""
    use: str = ""


def previous_of(described: Mapping[str, Any], reactivate_with: str) -> Previous | None:
    """Read the tag of lambda/rotation/previous.py; None if the function has not written it."""
    tags = {tag["Key"]: tag.get("Value", "") for tag in described.get("Tags", [])}
    found = re.fullmatch(
        rf"(active|inactive) ([0-9A-Za-z_-]+) ({_TIME})"
        rf"(?: used ({_TIME}) ({_TIME}) ([\w.-]+) ([\w.-]+))?",
        tags.get("rotation-previous", ""),
        re.ASCII,
    )
    if found is None:
        return None
    state, identity, since, reported, used, service, region = found.groups()
    return Previous(
        identity=identity,
        active=state == "active",
        since=datetime.fromisoformat(since),
        reactivate_with=f"{reactivate_with} {identity}",
        reported=datetime.fromisoformat(reported) if reported else None,
        use=f"at {used} for {service} in {region}" if used else "",
    )


def find_previous(previous: Previous) -> list[Finding]:
    """Find what is to be said about the previous credential; each is said once."""
    found = []
    if not previous.active:
        since = previous.since + _READING
        found.append(Finding(Cause.PREVIOUS_DEACTIVATED, since, repeats=False))
    if previous.reported is not None:
        since = previous.reported + _READING
        found.append(Finding(Cause.PREVIOUS_IN_USE, since, repeats=False))
    return found


def oldest_valid(
    versions: Collection[Mapping[str, Any]], labels: Collection[str], previous: Previous | None
) -> datetime | None:
    """Return when the oldest version was created whose credential is valid; None: there is none.

    Args:
        versions: those of ListSecretVersionIds.
        labels: those of the versions whose credential stays valid.
        previous: the note about the previous credential.
    """
    current = oldest(versions, ["AWSCURRENT"])
    # A note from before the last rotation is about another credential.
    if previous and not previous.active and current and current < previous.since:
        labels = [label for label in labels if label != "AWSPREVIOUS"]
    return oldest(versions, labels)


def oldest(versions: Collection[Mapping[str, Any]], labels: Collection[str]) -> datetime | None:
    """Return when the oldest version with one of the labels was created; None: there is none."""
    created = (
        one["CreatedDate"]
        for one in versions
        if not {*labels}.isdisjoint(one.get("VersionStages", []))
    )
    return min(created, default=None)


def look_at(moment: datetime) -> datetime:
    """Return the time of a look: EventBridge may start it some minutes late."""
    epoch = datetime.fromtimestamp(0, UTC)
    return epoch + (moment - epoch) // BETWEEN_LOOKS * BETWEEN_LOOKS


def pending_version(described: Mapping[str, Any]) -> str | None:
    """Return the version of a rotation that is not over; None if nothing rotates the secret.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    """
    if described.get("DeletedDate") or not described.get("RotationEnabled"):
        return None
    for version_id, labels in described.get("VersionIdsToStages", {}).items():
        if "AWSPENDING" in labels and "AWSCURRENT" not in labels:
            return str(version_id)
    return None


def unscheduled_since(found: Mapping[str, Any] | None, set_up: datetime) -> datetime | None:
    """Return since when no EventBridge schedule rotates the secret; None if one does.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html

    Args:
        found: the response of GetSchedule; None if there is no schedule.
        set_up: when the watcher was set up, which is before the schedule is made.
    """
    if found is None:
        return set_up + _SET_UP
    return found["LastModificationDate"] + _READING if found["State"] == "DISABLED" else None


def find(
    described: Mapping[str, Any] | None,
    pending_since: datetime | None,
    oldest: datetime | None,
    schedule: Schedule,
    unscheduled: datetime | None = None,
) -> list[Finding]:
    """Find what is wrong.

    Args:
        described: the response of DescribeSecret; None if there is no secret.
        pending_since: when the version of a rotation that is not over was created.
        oldest: when the oldest version was created whose credential is valid; None if nothing
            limits its age.
        schedule: when the secret must rotate.
        unscheduled: since when its EventBridge schedule is disabled or gone; None if it has none.
    """
    # AWS gives no time for these two, so each day since the set-up of the watcher says them.
    if described is None or described.get("DeletedDate"):
        return [Finding(Cause.DELETED, schedule.since)]
    if not schedule.rotates:
        return []
    if not described.get("RotationEnabled"):
        return [Finding(Cause.SWITCHED_OFF, schedule.since + _SET_UP)]
    found = [] if unscheduled is None else [Finding(Cause.SWITCHED_OFF, unscheduled)]
    if pending_since is not None:
        # Secrets Manager repeats a failed rotation only while the window is open.
        found.append(Finding(Cause.STUCK, pending_since + schedule.window + _ROTATION))
        if schedule.give_up_after is not None:
            found.append(Finding(Cause.GIVEN_UP, pending_since + schedule.give_up_after))
    if oldest is not None and schedule.maximum_age is not None:
        # A rotation ends the previous credential in its first step, and moves the label later.
        found.append(Finding(Cause.TOO_OLD, oldest + schedule.maximum_age + _ROTATION))
    last, due = described.get("LastRotatedDate"), _due(described, schedule)
    if last is not None:
        found.append(Finding(Cause.OVERDUE, due))
    elif pending_since is None:
        found.append(Finding(Cause.NEVER_STARTED, due))
    return found


def _due(described: Mapping[str, Any], schedule: Schedule) -> datetime:
    """Return when the secret is overdue."""
    last: datetime | None = described.get("LastRotatedDate")
    start = max(last or described["CreatedDate"], schedule.since)
    if last is not None or not schedule.rotates_immediately:
        start += schedule.longest_interval
    due = start + schedule.window
    # The next rotation comes on or before this date, which may be in the past:
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    promised: datetime | None = described.get("NextRotationDate")
    return (due if promised is None else min(due, promised)) + _ROTATION
