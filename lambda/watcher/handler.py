"""The function of the watcher: takes an event of EventBridge, and publishes what it says."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from watcher import messages
from watcher.findings import (
    Cause,
    Schedule,
    find,
    find_previous,
    look_at,
    oldest,
    oldest_valid,
    pending_version,
    previous_of,
    unscheduled_since,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watcher.messages import Message


# The SDK logs at INFO where it found the credentials; the log has only our records and errors.
logging.getLogger("botocore").setLevel(logging.WARNING)


# A part of the message of the error GivenUp, and of no other one.
GIVEN_UP: Final = "and was given up"


class Context(Protocol):
    """The member of Lambda's context object that the function uses.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str


def lambda_handler(event: Mapping[str, Any], context: Context) -> None:
    """Look at the secret, or report one event about it.

    If a call fails, Lambda repeats the invocation with the same event. So the same look says the
    same:
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    settings = json.loads(os.environ["WATCHER_SETTINGS"])
    looks = event.get("source") == "aws.events"
    seen = _look(event, settings) if looks else _Seen(list(_report(event, settings)))
    sent = seen.messages
    for message in sent:
        _publish(message, settings)
    # The function may fail, so this comes last.
    if seen.stuck is not None and _gives_up(seen.stuck, settings):
        sent.append(_message(Cause.GIVEN_UP, settings))
        _publish(sent[-1], settings)
    age = seen.age
    now = datetime.now(UTC)
    record = {
        "timestamp": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": "INFO",
        "event": "look" if looks else "report",
        "secret_arn": settings["secret_arn"],
        "causes": [message.cause for message in sent],
        "request_id": context.aws_request_id,
        **({} if age is None or not settings["metrics"] else _metric(age, now)),
    }
    sys.stdout.write(f"{json.dumps(record)}\n")


@dataclass(frozen=True, slots=True)
class _Seen:
    """The messages to send, and the result of a look."""

    messages: list[Message]
    age: timedelta | None = None
    """The age of the current value, if it was looked at."""
    stuck: str | None = None
    """The version of a rotation that this look must have given up."""


def _publish(message: Message, settings: Mapping[str, Any]) -> None:
    _client("sns").publish(
        TopicArn=settings["topic_arn"],
        Subject=message.subject,
        Message=message.text,
        # Subscribers can filter by it.
        MessageAttributes={"cause": {"DataType": "String", "StringValue": message.cause}},
    )


def _gives_up(version_id: str, settings: Mapping[str, Any]) -> bool:
    """Have the rotation function give up a rotation, and say whether it did.

    The function does so only if the current credential works. Otherwise its log says why not, and
    the look of the next day has it try again.
    """
    options = settings["give_up"]
    client = _client("lambda", read_timeout=options["timeout"] + 5, attempts=1)
    event = {
        "Step": "giveUp",
        "SecretId": settings["secret_arn"],
        "ClientRequestToken": version_id,
    }
    answer = client.invoke(FunctionName=options["function_arn"], Payload=json.dumps(event))
    # If the function raises an error, this is its message.
    return GIVEN_UP in answer["Payload"].read().decode()


@functools.cache
def _client(service: str, *, read_timeout: int = 7, attempts: int = 3) -> Any:  # noqa: ANN401 -- boto3 makes the type
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    client: Callable[..., Any] = boto3.client  # its stubs accept only literal names
    return client(service, config=config)


def _report(event: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Message]:
    cause = messages.cause_of(event)
    if cause is not None:
        yield _message(cause, settings, event=event)


def _look(event: Mapping[str, Any], settings: Mapping[str, Any]) -> _Seen:
    look = look_at(datetime.fromisoformat(event["time"]))
    gives_up = "give_up" in settings
    schedule = Schedule(
        longest_interval=timedelta(minutes=settings["longest_interval_minutes"]),
        window=timedelta(minutes=settings["window_minutes"]),
        rotates=settings["rotates"],
        rotates_immediately=settings["rotates_immediately"],
        since=datetime.fromisoformat(settings["since"]),
        maximum_age=timedelta(days=days) if (days := settings["maximum_age_days"]) else None,
        give_up_after=timedelta(hours=settings["give_up"]["after_hours"]) if gives_up else None,
    )
    described = _describe(settings["secret_arn"])
    pending = pending_version(described or {})
    exists = described is not None and not described.get("DeletedDate")
    needed = exists and (pending or days or settings["metrics"])
    versions = _versions(settings["secret_arn"]) if needed else []
    since = next((one["CreatedDate"] for one in versions if one["VersionId"] == pending), None)
    command = settings["reactivate_with"]
    previous = previous_of(described, command) if exists and command and described else None
    name = settings["schedule_name"]
    rotates = exists and described is not None and described.get("RotationEnabled")
    unscheduled = unscheduled_since(_schedule(name), schedule.since) if name and rotates else None
    details = {"previous": previous, "schedule_name": name if unscheduled else None}
    valid = oldest_valid(versions, settings["valid_labels"], previous)
    findings = find(described, since, valid, schedule, unscheduled)
    findings += find_previous(previous) if previous else []
    causes = [one.cause for one in findings if one.is_said_by(look)]
    current = oldest(versions, ["AWSCURRENT"])
    return _Seen(
        [_message(cause, settings, **details) for cause in causes if cause is not Cause.GIVEN_UP],
        age=max(look - current, timedelta()) if current else None,
        stuck=pending if Cause.GIVEN_UP in causes else None,
    )


def _metric(age: timedelta, now: datetime) -> dict[str, Any]:
    """Return the fields that make a metric of a record.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    directive = {
        "Namespace": "RotatingSecret",
        "Dimensions": [["secret_arn"]],
        "Metrics": [{"Name": "age_hours"}],
    }
    return {
        "age_hours": round(age / timedelta(hours=1), 2),
        "_aws": {"Timestamp": round(now.timestamp() * 1000), "CloudWatchMetrics": [directive]},
    }


def _message(cause: Cause, settings: Mapping[str, Any], **details: Any) -> Message:  # noqa: ANN401
    return messages.message(
        cause,
        arn=settings["secret_arn"],
        log_group_name=settings["log_group_name"],
        **details,
    )


def _describe(arn: str) -> dict[str, Any] | None:
    client = _client("secretsmanager")
    return _read(client, lambda: client.describe_secret(SecretId=arn))


def _schedule(name: str) -> dict[str, Any] | None:
    client = _client("scheduler")
    return _read(client, lambda: client.get_schedule(Name=name))


def _read(client: Any, read: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:  # noqa: ANN401
    """Return the response of a read; None: what it asks for does not exist."""
    try:
        return read()
    except client.exceptions.ResourceNotFoundException:
        return None


def _versions(arn: str) -> list[dict[str, Any]]:
    """List the versions with a label: DescribeSecret has no dates of versions.

    All of them are on one page:
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecretVersionIds.html
    """
    listed = _client("secretsmanager").list_secret_version_ids(SecretId=arn)
    return [*listed["Versions"]]
