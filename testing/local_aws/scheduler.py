"""EventBridge Scheduler invokes the universal targets of schedules.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import secrets
import time
import zoneinfo
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session
from ministack.core import iam_evaluator
from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import eventbridge, iam, scheduler, sts

from testing.local_aws.cron import next_occurrence_in
from testing.local_aws.patching import OK, Function, Json, Response, around
from testing.local_aws.switches import Current

Key: TypeAlias = tuple[str, str, str]
"""Account, Region, and the schedule's group and name."""

_NAME: Final = "AWS EventBridge Scheduler"
_SERVICE: Final = "scheduler.amazonaws.com"
_TARGET: Final = "arn:aws:scheduler:::aws-sdk:"
_OLDEST_START_SECONDS: Final = 300
# AWS gives only a range: "it will invoke the target API between 1:00:00 and 1:00:59".
_TICK_SECONDS: Final = 0.1
_SERVER_ERROR: Final = 500
_THROTTLED: Final = frozenset({"ThrottlingException", "TooManyRequestsException"})
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
_MAXIMUM_ATTEMPTS: Final = 185
_MAXIMUM_AGE_SECONDS: Final = 86_400

_log = logging.getLogger("local_aws.scheduler")
# For each schedule, when it was last modified and when it is due next.
_next_due: dict[Key, tuple[float, float | None]] = {}
_failed: list[_Invocation] = []


@dataclass(slots=True, kw_only=True)
class _Invocation:
    """One occurrence of a schedule, until it is delivered or its retries are exhausted."""

    account_id: str
    region: str
    schedule: Json
    scheduled: float
    identity: str = field(default_factory=lambda: secrets.token_hex(8))
    retries: int = 0
    next_try: float = 0.0


def _now() -> float:
    return time.time() + Current.switches.scheduler_seconds_ahead


def _group_arn(schedule_arn: str) -> str:
    prefix, group, _ = schedule_arn.replace(":schedule/", ":schedule-group/").split("/")
    return f"{prefix}/{group}"


def _may_assume(role_arn: str, schedule_arn: str) -> bool:
    """Evaluate the role's trust policy; aws:SourceArn is the schedule group, not the schedule.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    role = iam._roles.get(role_arn.rpartition("/")[2])
    if role is None or role["Arn"] != role_arn:
        return False
    trust = role["AssumeRolePolicyDocument"]
    trust = json.loads(trust) if isinstance(trust, str) else trust
    # A trust policy names no resource: it applies to its own role.
    statements = [{**statement, "Resource": "*"} for statement in trust["Statement"]]
    request = iam_evaluator.EvalContext(
        principal_arn=_SERVICE,
        principal_type="Service",
        principal_account="",
        action="sts:AssumeRole",
        resource_arn=role_arn,
        region=schedule_arn.split(":")[3],
        service_context={
            "aws:sourcearn": _group_arn(schedule_arn),
            "aws:sourceaccount": schedule_arn.split(":")[4],
        },
    )
    result = iam_evaluator.evaluate_resource_policy(
        {"Statement": statements}, request, service=_SERVICE
    )
    return bool(result.decision == "Allow")


def _validation_error(name: str, request: Json) -> Response | None:
    start = request.get("StartDate")
    if start is not None and scheduler._to_epoch(start) < _now() - _OLDEST_START_SECONDS:
        message = "The StartDate you specify cannot be earlier than 5 minutes ago."
    elif not _may_assume(
        request.get("Target", {}).get("RoleArn", ""),
        scheduler._schedule_arn(request.get("GroupName", "default"), name),
    ):
        message = f"The execution role you provide must allow {_NAME} to assume the role."
    else:
        return None
    refused: Response = scheduler._error(400, "ValidationException", message)
    return refused


def _set_date(response: Response, name: str, request: Json) -> Response:
    """Date the change by the scheduler's clock, from which the first occurrence is calculated."""
    schedule = scheduler._schedules.get(f"{request.get('GroupName', 'default')}/{name}")
    if response[0] == OK and schedule is not None:
        schedule["LastModificationDate"] = _now()
    return response


@around(scheduler, "_create_schedule")
def create_schedule(original: Function, name: str, request: Json) -> Response:
    """Refuse a start in the past, and a role that the service may not assume.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
    """
    return _validation_error(name, request) or _set_date(original(name, request), name, request)


@around(scheduler, "_update_schedule")
def update_schedule(original: Function, name: str, request: Json) -> Response:
    """Refuse the same errors as CreateSchedule, because an update replaces the whole schedule.

    https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
    """
    return _validation_error(name, request) or _set_date(original(name, request), name, request)


def _following(schedule: Json, moment: float) -> float | None:
    """Return the first occurrence after a moment, in the schedule's time zone.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    """
    expression = schedule["ScheduleExpression"]
    interval = eventbridge._parse_rate_seconds(expression)
    if interval is not None:
        return moment + float(interval)
    zone = zoneinfo.ZoneInfo(schedule["ScheduleExpressionTimezone"])
    found = next_occurrence_in(zone, expression, datetime.fromtimestamp(moment, UTC))
    return None if found is None else found.timestamp()


def _first(schedule: Json) -> float | None:
    """Return the first occurrence. A rate first fires at its start date, or else immediately.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based
    """
    start = scheduler._to_epoch(schedule.get("StartDate"))
    from_when = max(schedule["LastModificationDate"], start or 0.0)
    if eventbridge._parse_rate_seconds(schedule["ScheduleExpression"]) is not None:
        return float(from_when)
    return _following(schedule, from_when)


def _due(key: Key, schedule: Json, now: float) -> list[float]:
    modified, moment = _next_due.get(key, (0.0, None))
    if modified != schedule["LastModificationDate"]:
        moment = _first(schedule)
    found = []
    while moment is not None and moment <= now:
        found.append(moment)
        moment = _following(schedule, moment)
    _next_due[key] = (schedule["LastModificationDate"], moment)
    return found if schedule["State"] == "ENABLED" else []


def _tick() -> None:
    """Deliver the invocations to retry, then the due ones, the oldest first."""
    now = _now()
    schedules = dict(scheduler._schedules._data.items())
    for deleted in _next_due.keys() - schedules.keys():
        del _next_due[deleted]
    due = [
        _Invocation(account_id=key[0], region=key[1], schedule=schedule, scheduled=moment)
        for key, schedule in schedules.items()
        if schedule["Target"]["Arn"].startswith(_TARGET)
        for moment in _due(key, schedule, now)
    ]
    retried = [one for one in _failed if one.next_try <= now]
    for one in retried:
        _failed.remove(one)
    for one in itertools.chain(retried, sorted(due, key=lambda one: one.scheduled)):
        _deliver(one)


scheduler._tick_schedules = _tick
scheduler._SCHEDULE_TICK_INTERVAL = _TICK_SECONDS


def _deliver(invocation: _Invocation) -> None:
    set_request_account_id(invocation.account_id)
    set_request_region(invocation.region)
    target = invocation.schedule["Target"]
    if not _may_assume(target["RoleArn"], invocation.schedule["Arn"]):
        # Without the role, the scheduler cannot send to the dead-letter queue either.
        _log.warning("%s: the scheduler may not assume the role.", invocation.schedule["Arn"])
        return
    session = _assume(target["RoleArn"], invocation)
    service, _, action = target["Arn"].removeprefix(_TARGET).partition(":")
    request = json.loads(target.get("Input") or "{}")
    try:
        _call(session, invocation.region, service, action, request)
    except ClientError as error:
        _fail(invocation, session, error)
    except BotoCoreError as error:
        _log.warning("%s: %s", invocation.schedule["Arn"], error)


def _assume(role_arn: str, invocation: _Invocation) -> dict[str, Any]:
    name, key_id = role_arn.rpartition("/")[2], f"ASIA{secrets.token_hex(8).upper()}"
    key, token = secrets.token_hex(20), secrets.token_hex(32)
    assumed = f"arn:aws:sts::{invocation.account_id}:assumed-role/{name}/{invocation.identity}"
    session = {"Arn": assumed, "UserId": f"{name}:{invocation.identity}"}
    credentials = {"Expiration": time.time() + 900, "SecretAccessKey": key, "SessionToken": token}
    sts.register_session(key_id, {**session, **credentials})
    return {
        "aws_access_key_id": key_id,
        "aws_secret_access_key": key,
        "aws_session_token": token,
    }


def _call(
    session: dict[str, Any], region: str, service: str, action: str, request: dict[str, Any]
) -> None:
    """Send a signed request, so that the role's policies apply."""
    client = get_session().create_client(
        service,
        region_name=region,
        endpoint_url=f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        config=Config(retries={"total_max_attempts": 1}),
        **session,
    )
    getattr(client, xform_name(action[0].upper() + action[1:]))(**request)


def _fail(invocation: _Invocation, session: dict[str, Any], error: ClientError) -> None:
    """Retry a throttled call or server error; send every other failure to the dead-letter queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule.html
    """
    target = invocation.schedule["Target"]
    policy = target.get("RetryPolicy", {})
    code = error.response["Error"]["Code"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    exhausted = {}
    if status >= _SERVER_ERROR or code in _THROTTLED:
        invocation.next_try = _now() + 2.0**invocation.retries
        age = invocation.next_try - invocation.scheduled
        if invocation.retries >= policy.get("MaximumRetryAttempts", _MAXIMUM_ATTEMPTS):
            exhausted = {"EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts"}
        elif age > policy.get("MaximumEventAgeInSeconds", _MAXIMUM_AGE_SECONDS):
            exhausted = {"EXHAUSTED_RETRY_CONDITION": "MaximumEventAgeInSeconds"}
        else:
            invocation.retries += 1
            _failed.append(invocation)
            return
    _send_to_dead_letters(
        invocation,
        session,
        ERROR_CODE=code,
        ERROR_MESSAGE=error.response["Error"].get("Message") or code,
        RETRY_ATTEMPTS=str(invocation.retries),
        **exhausted,
    )


def _send_to_dead_letters(
    invocation: _Invocation, session: dict[str, Any], **attributes: str
) -> None:
    """Send a failed invocation to the dead-letter queue, with the permissions of the role.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    target = invocation.schedule["Target"]
    queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
    if queue_arn is None:
        return
    attributes |= {
        "EXECUTION_ID": invocation.identity,
        "IS_PAYLOAD_TRUNCATED": "false",
        "SCHEDULED_TIME": datetime.fromtimestamp(invocation.scheduled, UTC).isoformat(
            timespec="seconds"
        ),
        "SCHEDULE_ARN": invocation.schedule["Arn"],
        "TARGET_ARN": target["Arn"],
    }
    account_id, name = queue_arn.split(":")[4:]
    request = {
        "QueueUrl": f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}/{account_id}/{name}",
        "MessageBody": target.get("Input") or "{}",
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    try:
        _call(session, invocation.region, "sqs", "sendMessage", request)
    except ClientError as error:
        _log.warning("%s cannot send to its queue: %s", invocation.schedule["Arn"], error)
