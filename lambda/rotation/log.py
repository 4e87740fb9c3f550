"""The log: one line of JSON per invocation, with listed keys only."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing import TextIO


class Key(StrEnum):
    """The keys of a record, in order. They are listed so that nothing else gets into the log.

    Lambda filters by `timestamp` and `level`:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """

    TIMESTAMP = "timestamp"
    LEVEL = "level"
    EVENT = "event"
    STEP = "step"
    SECRET_ARN = "secret_arn"  # noqa: S105 -- a key
    VERSION_ID = "version_id"
    STRATEGY = "strategy"
    OUTCOME = "outcome"
    ERROR = "error"
    FINDINGS = "findings"
    MESSAGE = "message"
    DURATION_MS = "duration_ms"
    FAILURES = "failures"
    PREVIOUS_IN_USE = "previous_in_use"
    REQUEST_ID = "request_id"


LogRecord: TypeAlias = dict[Key, str | int | float | bool]

# CloudWatch makes metrics of a record with these directives under _aws:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
_METRICS = {
    Key.FAILURES: [
        ([Key.SECRET_ARN], Key.FAILURES, "Count"),
        ([Key.SECRET_ARN, Key.STEP], Key.DURATION_MS, "Milliseconds"),
    ],
    Key.PREVIOUS_IN_USE: [([Key.SECRET_ARN], Key.PREVIOUS_IN_USE, "Count")],
}


def write(stream: TextIO, record: LogRecord) -> None:
    """Write a record as one line, with the current time; one that counts is a metric."""
    now = datetime.now(UTC)
    text = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    fields = {Key.TIMESTAMP: text, **record}
    written: dict[str, object] = {key: fields[key] for key in Key if key in fields}
    metrics = [
        {
            "Namespace": "RotatingSecret",
            "Dimensions": [dimensions],
            "Metrics": [{"Name": name, "Unit": unit}],
        }
        for key, found in _METRICS.items()
        if key in fields
        for dimensions, name, unit in found
    ]
    if metrics:
        written["_aws"] = {
            "Timestamp": round(now.timestamp() * 1000),
            "CloudWatchMetrics": metrics,
        }
    line = json.dumps(written)
    stream.write(f"{line}\n")
    stream.flush()
