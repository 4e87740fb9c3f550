"""Finds what is wrong with the rotation of a secret, and decides which look says so.

The watcher keeps nothing between two looks. A finding has the time from which it is true, and the
looks are on a fixed grid. So one look in each day of a finding says it, also if Lambda repeats that
look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# modules/notifications has the same in the schedule of its rule.
BETWEEN_LOOKS = timedelta(minutes=15)
_BETWEEN_REMINDERS = timedelta(days=1)
# Four steps take at most an hour, because Lambda stops an invocation after 15 minutes:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_ROTATION = timedelta(hours=1)


class Cause(StrEnum):
    """Why the watcher sends a message."""

    ABANDONED = "abandoned"
    DELETED = "deleted"
    FAILED = "failed"
    NEVER_STARTED = "never_started"
    OVERDUE = "overdue"
    POLICY_CHANGED = "policy_changed"
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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and since when."""

    cause: Cause
    since: datetime

    def is_said_by(self, look: datetime) -> bool:
        """Return whether this look is the first one in a day of the finding."""
        before = look - BETWEEN_LOOKS - self.since
        return look >= self.since and before // _BETWEEN_REMINDERS != (
            (look - self.since) // _BETWEEN_REMINDERS
        )


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


def find(
    described: Mapping[str, Any] | None,
    pending_since: datetime | None,
    oldest: datetime | None,
    schedule: Schedule,
) -> list[Finding]:
    """Find what is wrong.

    Args:
        described: the response of DescribeSecret; None if there is no secret.
        pending_since: when the version of a rotation that is not over was created.
        oldest: when the oldest version was created whose credential is valid; None if nothing
            limits its age.
        schedule: when the secret must rotate.
    """
    # AWS gives no time for these two, so each day since the set-up of the watcher says them.
    if described is None or described.get("DeletedDate"):
        return [Finding(Cause.DELETED, schedule.since)]
    if not described.get("RotationEnabled"):
        return [Finding(Cause.SWITCHED_OFF, schedule.since)]
    found = []
    if pending_since is not None:
        # Secrets Manager repeats a failed rotation only while the window is open.
        found.append(Finding(Cause.STUCK, pending_since + schedule.window + _ROTATION))
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
