"""The schedules of EventBridge's rules, on the same clock as those of EventBridge Scheduler.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html
"""

from __future__ import annotations

import time
from typing import Final

from ministack.services import eventbridge

from testing.local_aws.patching import Function, around
from testing.local_aws.switches import Current

_TICK_SECONDS: Final = 0.5

eventbridge._SCHEDULER_TICK_INTERVAL = _TICK_SECONDS


@around(eventbridge, "_now_ts")
def now(_original: Function) -> float:
    """Return the time of EventBridge's clock."""
    return time.time() + Current.switches.scheduler_seconds_ahead
