"""The date of a secret's next rotation.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ministack.services import eventbridge

if TYPE_CHECKING:
    from testing.local_aws.patching import Json

_RATE: Final = re.compile(r"rate\((\d+) (hour|day)s?\)")
_DAY: Final = timedelta(days=1)


def _interval(rules: Json) -> timedelta | None:
    if days := rules.get("AutomaticallyAfterDays"):
        return timedelta(days=days)
    if rate := _RATE.fullmatch(rules.get("ScheduleExpression", "")):
        return timedelta(**{f"{rate[2]}s": int(rate[1])})
    return None


def next_rotation(rules: Json, after: float) -> float | None:
    """Return the latest time of the next rotation, in seconds since the epoch."""
    start = datetime.fromtimestamp(after, UTC)
    interval = _interval(rules)
    if interval is not None:
        return (start + interval).timestamp()
    fields = eventbridge._parse_cron_fields(rules.get("ScheduleExpression", ""))
    fire = None if fields is None else eventbridge._cron_next_fire(fields, start)
    return None if fire is None else float(fire.timestamp())


def describe_rules(rules: Json) -> Json:
    """Add the number of days, which DescribeSecret calculates from the schedule.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
    """
    interval = _interval(rules)
    if interval is None or "AutomaticallyAfterDays" in rules:
        return rules
    return {**rules, "AutomaticallyAfterDays": max(1, interval // _DAY)}
