"""The log: one line of JSON per invocation, of listed keys only."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from typing import TextIO

LogRecord: TypeAlias = dict[str, str | int | float | bool]

# Listed, so that nothing else can get in. `timestamp` and `level` are what Lambda filters by:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
KEYS: Final = (
    "timestamp",
    "level",
    "event",
    "step",
    "secret_arn",
    "version_id",
    "strategy",
    "outcome",
    "error",
    "message",
    "duration_ms",
    "request_id",
)


def write(stream: TextIO, fields: LogRecord) -> None:
    """Write the listed fields as one line, under the time of now."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {"timestamp": now, **fields}
    line = json.dumps({key: record[key] for key in KEYS if key in record})
    stream.write(f"{line}\n")
    stream.flush()
