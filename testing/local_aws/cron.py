"""When a cron expression occurs; a range passes the end of the day, of the week or of the year.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

from __future__ import annotations

import re
from datetime import UTC
from typing import TYPE_CHECKING, Final

from ministack.services import eventbridge

from testing.local_aws.patching import Function, around

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

_RANGE: Final = re.compile(r"(\w+)-(\w+)(?:/(\d+))?")


@around(eventbridge, "_cron_field")
def cron_field(
    original: Function, field: str, lo: int, hi: int, names: dict[str, int] | None = None
) -> frozenset[int]:
    """Read 22-2 as 22, 23, 0, 1, 2."""
    found: frozenset[int] = frozenset()
    for part in field.upper().split(","):
        ends = _RANGE.fullmatch(part)
        first, last = (
            (names or {}).get(one, one) for one in (ends.groups()[:2] if ends else ("0", "0"))
        )
        if ends and int(first) > int(last):
            size = hi - lo + 1
            values = range(int(first), int(last) + size + 1, int(ends[3] or 1))
            found |= {lo + (value - lo) % size for value in values}
        else:
            found |= original(part, lo, hi, names)
    return found


def next_occurrence(expression: str, after: datetime) -> datetime | None:
    """Return the first occurrence of a cron expression after a moment, or None."""
    fields = eventbridge._parse_cron_fields(expression)
    found: datetime | None = None
    if fields is not None:
        found = eventbridge._cron_next_fire(fields, after)
    return found


def next_occurrence_in(zone: ZoneInfo, expression: str, after: datetime) -> datetime | None:
    """Return the first occurrence by the clock of a zone.

    AWS skips one in an hour that is missing, and one in an hour that comes again fires once:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
    """
    # MiniStack searches in UTC only, so pass the zone's local time as if it were UTC.
    local_time: datetime | None = after.astimezone(zone).replace(tzinfo=UTC)
    while local_time is not None:
        local_time = next_occurrence(expression, local_time)
        if local_time is not None:
            found = local_time.replace(tzinfo=zone).astimezone(UTC)
            if found > after and found.astimezone(zone).replace(tzinfo=UTC) == local_time:
                return found
    return None
