"""The windows in which Secrets Manager rotates a secret, on a clock that a test can move.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from testing.local_aws.cron import next_occurrence
from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from testing.local_aws.patching import Json

Window: TypeAlias = tuple[datetime, datetime]

_RATE: Final = re.compile(r"rate\((\d+) (hour|day)s?\)")
_ONE_HOUR_A_DAY: Final = re.compile(r"cron\(\d+ \d+ .*")
_DURATION: Final = re.compile(r"(\d+)h")
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_ROTATES_AT: Final = "_RotatesAt"


def now() -> float:
    """Return the time of Secrets Manager's clock, in seconds since the epoch."""
    return time.time() + Current.switches.rotation_seconds_ahead


def _interval(rules: Json) -> timedelta | None:
    if days := rules.get("AutomaticallyAfterDays"):
        return timedelta(days=days)
    if rate := _RATE.fullmatch(rules.get("ScheduleExpression", "")):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    return None


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def next_window(rules: Json, after: datetime) -> Window | None:
    """Return when the next window opens and closes.

    A rate in days opens at midnight UTC and closes at the end of the day. One in hours opens at
    the hour and closes an hour later. Duration replaces the length.
    """
    expression = rules.get("ScheduleExpression", "")
    interval = _interval(rules)
    in_hours = not _ONE_HOUR_A_DAY.fullmatch(expression)
    if interval is not None:
        in_hours = "hour" in expression
        day = _midnight(after)
        opens = (day.replace(hour=after.hour) if in_hours else day) + interval
    else:
        found = next_occurrence(expression, after)
        if found is None:
            return None
        opens = found
    if duration := _DURATION.fullmatch(rules.get("Duration", "")):
        return opens, opens + timedelta(hours=int(duration[1]))
    return opens, opens + _HOUR if in_hours else _midnight(opens) + _DAY


def plan_rotation(secret: Json) -> None:
    """Set the date of the next rotation, counted from now, and its time within the window.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    window = next_window(secret["RotationRules"], datetime.fromtimestamp(now(), UTC))
    secret["NextRotationDate"] = secret[_ROTATES_AT] = None
    if window is not None:
        opens, closes = window
        when = opens + (closes - opens) * Current.switches.rotation_window_share
        secret["NextRotationDate"], secret[_ROTATES_AT] = closes.timestamp(), when.timestamp()


def is_due(secret: Json) -> bool:
    """Return whether Secrets Manager rotates the secret now."""
    planned = secret.get(_ROTATES_AT)
    return bool(secret.get("RotationEnabled")) and planned is not None and planned <= now()


def describe_rules(rules: Json) -> Json:
    """Add the number of days, which DescribeSecret calculates from the schedule.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
    """
    interval = _interval(rules)
    if interval is None or "AutomaticallyAfterDays" in rules:
        return rules
    return {**rules, "AutomaticallyAfterDays": max(1, interval // _DAY)}
