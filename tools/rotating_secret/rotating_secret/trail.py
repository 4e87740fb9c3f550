"""The events of secrets, from CloudTrail's event history or from the files of a trail.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from rotating_secret.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rotating_secret.aws import Region
    from rotating_secret.evidence import Period

Json: TypeAlias = dict[str, Any]

_SERVICE: Final = "secretsmanager.amazonaws.com"
_BATCH: Final = "BatchGetSecretValue"
_READS: Final = {_BATCH, "GetSecretValue"}
_OUTCOMES: Final = {"RotationSucceeded": "rotations", "RotationFailed": "failed_rotations"}
# They return or check something else than the value.
_OTHERS: Final = re.compile("BatchGet|Describe|Get|List|Validate")
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
_HISTORY: Final = timedelta(days=90)
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/how-cloudtrail-works.html
_DELAY: Final = timedelta(minutes=15)


class Kind(StrEnum):
    """The kinds of events in a report."""

    READ = "read"
    CHANGE = "change"
    ROTATION = "rotation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Events as CloudTrail recorded them, and where they are from."""

    events: Sequence[Json]
    source: Json


def look_up(region: Region, period: Period, now: datetime) -> Records:
    """Read CloudTrail's event history.

    Raises:
        UsageError: The history doesn't have the whole period.
    """
    if period.start < now - _HISTORY:
        message = (
            f"--events must name the files of a trail: CloudTrail's event history has only "
            f"{_HISTORY.days} days. Found: {period.name}, which begins at {period.start:%Y-%m-%d}."
        )
        raise UsageError(message)
    with region.asking("cloudtrail:LookupEvents", region.name):
        pages = region.trail.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": _SERVICE}],
            StartTime=period.start,
            EndTime=period.end,
        )
        events = [json.loads(one["CloudTrailEvent"]) for page in pages for one in page["Events"]]
    return Records(events=events, source={"kind": "cloudtrail:LookupEvents"})


def read_files(paths: Iterable[Path]) -> Records:
    """Read the files of a trail, each as CloudTrail delivers it to a bucket.

    Raises:
        UsageError: A file isn't one of CloudTrail's.
    """
    files = sorted({file for path in paths for file in _files(path)})
    content = hashlib.sha256()
    events: list[Json] = []
    times: list[str] = []
    for file in files:
        raw = file.read_bytes()
        content.update(hashlib.sha256(raw).digest())
        found, first_and_last = _records(file, raw)
        events += found
        times += first_and_last
    source = {
        "kind": "files",
        "files": len(files),
        "sha256": content.hexdigest(),
        "first_event": min(times, default=None),
        "last_event": max(times, default=None),
    }
    return Records(events=events, source=source)


def require_ended(period: Period, now: datetime) -> None:
    """Check that CloudTrail has delivered all events of the period.

    Raises:
        UsageError: It may not have.
    """
    if now < period.end + _DELAY:
        message = (
            f"--period must have ended {_DELAY.seconds // 60} minutes ago, because CloudTrail "
            f"delivers late. Found: {period.name}, which ends at {period.end:%Y-%m-%d %H:%M} UTC."
        )
        raise UsageError(message)


def select(records: Records, secrets: Sequence[str], period: Period) -> list[Json]:
    """Return the events of the secrets in the period, in their order, each once.

    Args:
        records: The events of one account and region, or of more.
        secrets: The ARNs of the secrets.
        period: The period.
    """
    _, _, _, region, account, *_ = secrets[0].split(":") if secrets else [""] * 5
    names = {key: _name(arn) for arn in secrets for key in (arn, arn[:-7], _name(arn))}
    found = {
        event["eventID"]: entry
        for event in records.events
        if (event["awsRegion"], event["recipientAccountId"]) == (region, account)
        and period.start <= datetime.fromisoformat(event["eventTime"]) < period.end
        and (entry := _entry(event, names))
    }
    return sorted(found.values(), key=lambda one: (one["time"], one["id"]))


def count(events: Iterable[Json], name: str) -> Json:
    """Count the events of a secret.

    A batch that succeeded isn't a read: each secret in it also has an event GetSecretValue.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
    """
    counts = {"reads": 0, "changes": 0, "refused": 0, **dict.fromkeys(_OUTCOMES.values(), 0)}
    for event in events:
        if name not in event["secrets"]:
            continue
        if event["event"] in _OUTCOMES:
            counts[_OUTCOMES[event["event"]]] += 1
        elif event["error"] and event["kind"] != Kind.ROTATION:
            counts["refused"] += 1
        elif event["kind"] != Kind.ROTATION and event["event"] != _BATCH:
            counts[f"{event['kind']}s"] += 1
    return counts


def longest_gap(events: Iterable[Json], name: str, period: Period) -> int:
    """Return the most days without a successful rotation, since the secret exists."""
    own = [
        (event["event"], datetime.fromisoformat(event["time"]))
        for event in events
        if name in event["secrets"] and not event["error"]
    ]
    start = max((when for event, when in own if event == "CreateSecret"), default=period.start)
    rotations = [when for event, when in own if event == "RotationSucceeded" and when >= start]
    times = [start, *rotations, period.end]
    return max((after - before).days for before, after in itertools.pairwise(times))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (one for one in path.rglob("*.json*") if one.suffix in {".gz", ".json"})
    elif path.is_file():
        yield path
    else:
        message = f"--events must name files or folders that exist. Found: {path}."
        raise UsageError(message)


def _records(file: Path, raw: bytes) -> tuple[list[Json], list[str]]:
    """Return the events of Secrets Manager, and the times of the first and last event of all."""
    try:
        found = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
        if "digestStartTime" in found:  # It proves that CloudTrail's files are complete.
            return [], []
        events = [one for one in found["Records"] if one["eventSource"] == _SERVICE]
        times = [one["eventTime"] for one in found["Records"]]
    except (EOFError, KeyError, OSError, TypeError, ValueError):
        message = f"--events must name files that CloudTrail delivered. Found: {file}, another one."
        raise UsageError(message) from None
    return events, [min(times), max(times)] if times else []


def _name(arn: str) -> str:
    return arn.split(":", 6)[6][:-7]


def _entry(event: Json, names: dict[str, str]) -> Json | None:
    """Return what the report says of an event; None: it is about something else."""
    name = event["eventName"]
    parameters = event.get("requestParameters") or {}
    additional = event.get("additionalEventData") or {}
    if name in _READS:
        kind = Kind.READ
    elif name.startswith("Rotation"):
        kind = Kind.ROTATION
    elif _OTHERS.match(name):
        return None
    else:
        kind = Kind.CHANGE
    listed = parameters.get("secretIdList") or []
    given = [
        additional.get("SecretId"),
        parameters.get("secretId"),
        parameters.get("name"),
        *listed,
    ]
    secrets = sorted({names[one] for one in given if one in names})
    # A call with a filter may have read any secret.
    if not secrets and not (name == _BATCH and not listed):
        return None
    identity = event["userIdentity"]
    issuer = identity.get("sessionContext", {}).get("sessionIssuer", {})
    return {
        "time": event["eventTime"],
        "event": name,
        "kind": str(kind),
        "secrets": secrets,
        "principal": issuer.get("arn")
        or identity.get("arn")
        or identity.get("invokedBy")
        or identity.get("accountId"),
        "session": identity.get("arn") if issuer else None,
        "error": event.get("errorCode"),
        "id": event["eventID"],
    }
