"""RotateSecret and CancelRotateSecret: the state machine that invokes a rotation function.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from typing import TYPE_CHECKING, Final

from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import lambda_svc, secretsmanager

from testing.local_aws.functions.callers import in_account_of, service_may_invoke
from testing.local_aws.patching import (
    OK,
    Handler,
    Json,
    Response,
    around,
    caller,
    content,
    find_secret,
    in_place_of,
    new_action,
    success,
)
from testing.local_aws.refusals import (
    CallerMayNotInvoke,
    NoFunction,
    OneSchedule,
    PreviousRotation,
    ServiceMayNotInvoke,
)
from testing.local_aws.secretsmanager.rotation_schedule import describe_rules, now, plan_rotation
from testing.local_aws.secretsmanager.trail import publish_rotation
from testing.local_aws.secretsmanager.versions import attach, stage_empty, touch, version_with_label
from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PRINCIPAL: Final = "secretsmanager.amazonaws.com"
_STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")

_log = logging.getLogger("local_aws.rotation")
_running: dict[str, asyncio.Task[None]] = {}
_limits: dict[int, asyncio.Semaphore] = {}


def _require_permissions(function_arn: str, secret_arn: str) -> None:
    # The caller also needs lambda:InvokeFunction.
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    denied = iam_evaluator.enforce(
        caller(), "lambda:InvokeFunction", "lambda", get_region(), resource_arn=function_arn
    )
    if denied:
        raise CallerMayNotInvoke(function_arn=function_arn)
    if not service_may_invoke(function_arn, _PRINCIPAL, secret_arn):
        raise ServiceMayNotInvoke


def _is_complete(secret: Json) -> bool:
    """AWSPENDING is on no version, or on the same one as AWSCURRENT."""
    pending = version_with_label(secret, "AWSPENDING")
    return pending is None or pending == version_with_label(secret, "AWSCURRENT")


@in_place_of(secretsmanager, "_rotate_secret")
def rotate_secret(request: Json) -> Response:
    """Configure rotation, then start a rotation or a test of the configuration.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    """
    secret = find_secret(request)
    function_arn = request.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
    if not function_arn:
        raise NoFunction
    rules = request.get("RotationRules") or secret.get("RotationRules") or {}
    if "AutomaticallyAfterDays" in rules and "ScheduleExpression" in rules:
        raise OneSchedule
    _require_permissions(function_arn, secret["ARN"])
    token = request.get("ClientRequestToken") or str(uuid.uuid4())
    if not _is_complete(secret) and not secret.get("_Testing"):
        # https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_rotation.html
        if secret["ARN"] not in _running:
            _start(_rotate, secret["ARN"], str(version_with_label(secret, "AWSPENDING")))
        raise PreviousRotation
    secret.update(RotationLambdaARN=function_arn, RotationRules=rules, RotationEnabled=True)
    plan_rotation(secret)
    if request.get("RotateImmediately", True):
        _start_rotation(secret, token)
    else:
        _start(_test, secret["ARN"], token)
    touch(secret)
    return success(ARN=secret["ARN"], Name=secret["Name"], VersionId=token)


def _start_rotation(secret: Json, token: str) -> None:
    if token not in secret["Versions"]:
        stage_empty(secret, token)
    attach(secret, token, "AWSPENDING")
    _start(_rotate, secret["ARN"], token)


def start_scheduled_rotation(secret: Json) -> None:
    """Start a rotation, or reattempt the one that is incomplete.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
    """
    if secret["ARN"] in _running:
        return
    pending = version_with_label(secret, "AWSPENDING")
    _start_rotation(secret, str(uuid.uuid4() if _is_complete(secret) else pending))


@new_action("CancelRotateSecret")
def cancel_rotate_secret(request: Json) -> Response:
    """Turn off rotation. A running rotation stops before its next step; labels do not change.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html
    """
    secret = find_secret(request)
    secret["RotationEnabled"] = False
    touch(secret)
    pending = version_with_label(secret, "AWSPENDING")
    version = {} if pending is None else {"VersionId": pending}
    return success(ARN=secret["ARN"], Name=secret["Name"], **version)


@around(secretsmanager, "_put_secret_value")
def put_secret_value(original: Handler, request: Json) -> Response:
    """Abandon a rotation if another value becomes current meanwhile.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
    """
    secret = find_secret(request)
    pending = None if _is_complete(secret) else version_with_label(secret, "AWSPENDING")
    response = original(request)
    if response[0] == OK and pending is not None and not secret.get("_Testing"):
        stored = content(response)
        if stored["VersionId"] != pending and "AWSCURRENT" in stored["VersionStages"]:
            secret["Versions"][pending]["Stages"].remove("AWSPENDING")
            publish_rotation("RotationAbandoned", secret)
    return response


@around(secretsmanager, "_describe_secret")
def describe_secret(original: Handler, request: Json) -> Response:
    """Add the dates of the last and next rotation.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    response = original(request)
    if response[0] != OK:
        return response
    described = content(response)
    _, secret = secretsmanager._resolve(request["SecretId"])
    if described["RotationEnabled"]:
        for field in ("LastRotatedDate", "NextRotationDate"):
            if secret.get(field):
                described[field] = secret[field]
    if described.get("RotationRules"):
        described["RotationRules"] = describe_rules(described["RotationRules"])
    if not described["VersionIdsToStages"]:
        del described["VersionIdsToStages"]
    return success(**described)


@around(secretsmanager, "_list_secrets")
def list_secrets(original: Handler, request: Json) -> Response:
    """Add what AWS lists about the rotation of each secret.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretListEntry.html
    """
    response = original(request)
    listed = content(response)
    for entry in listed.get("SecretList", []):
        _, secret = secretsmanager._resolve(entry["ARN"])
        rotation = ("OwningService", "RotationLambdaARN", "RotationRules")
        dates = ("LastRotatedDate", "NextRotationDate") if entry["RotationEnabled"] else ()
        entry |= {field: secret[field] for field in (*rotation, *dates) if secret.get(field)}
    return (*response[:2], json.dumps(listed).encode())


def _start(work: Callable[[str, str], Awaitable[None]], secret_arn: str, token: str) -> None:
    """Start work in the background, after the work that already runs for this secret."""
    before = _running.get(secret_arn)
    count = Current.switches.rotation_concurrency
    limit = _limits.setdefault(count, asyncio.Semaphore(count))

    async def run() -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            async with limit:
                await work(secret_arn, token)
        finally:
            if _running.get(secret_arn) is asyncio.current_task():
                del _running[secret_arn]

    _running[secret_arn] = asyncio.get_running_loop().create_task(run())


def _enabled(secret_arn: str) -> Json | None:
    """Return the secret, or None if it is deleted or its rotation is turned off."""
    _, secret = secretsmanager._resolve(secret_arn)
    if secret is None or secret.get("DeletedDate") or not secret.get("RotationEnabled"):
        return None
    found: Json = secret
    return found


async def _rotate(secret_arn: str, token: str) -> None:
    """Run the four steps. If one fails, retry all of them with the same token.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_how.html
    """
    for attempt in range(Current.switches.rotation_attempts):
        if attempt:
            await asyncio.sleep(Current.switches.rotation_retry_seconds)
        if await _run_steps(secret_arn, token):
            return
    _log.warning("Rotation of %s failed; AWSPENDING is left in place.", secret_arn)
    secret = _enabled(secret_arn)
    if secret is not None:
        publish_rotation("RotationFailed", secret)


async def _run_steps(secret_arn: str, token: str) -> bool:
    """Return whether there is nothing to retry: the steps succeeded, or rotation was cancelled."""
    for step in _STEPS:
        secret = _enabled(secret_arn)
        if secret is None:
            return True
        if not await _invoke(secret, step, token):
            return False
    secret = _enabled(secret_arn)
    if secret is None:
        return True
    if not _is_complete(secret):
        return False
    secret["LastRotatedDate"] = round(now(), 3)
    plan_rotation(secret)
    touch(secret)
    publish_rotation("RotationSucceeded", secret)
    return True


async def _test(secret_arn: str, token: str) -> None:
    """Run only testSecret, on a version that exists for the length of the test.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html#SecretsManager-RotateSecret-request-RotateImmediately
    """
    secret = _enabled(secret_arn)
    if secret is None:
        return
    version = stage_empty(secret, token)
    current = version_with_label(secret, "AWSCURRENT")
    if current is not None:
        for field in ("SecretString", "SecretBinary"):
            version[field] = secret["Versions"][current][field]
    attach(secret, token, "AWSPENDING")
    secret["_Testing"] = True
    try:
        if not await _invoke(secret, "testSecret", token):
            _log.warning("The test of the rotation of %s failed.", secret_arn)
            publish_rotation("TestRotationFailed", secret)
    finally:
        del secret["_Testing"]
        secret["Versions"].pop(token, None)
        touch(secret)


async def _invoke(secret: Json, step: str, token: str) -> bool:
    """Invoke the function and return whether it succeeded."""
    function_arn = secret["RotationLambdaARN"]
    if not service_may_invoke(function_arn, _PRINCIPAL, secret["ARN"]):
        return False
    name, qualifier = lambda_svc._resolve_name_and_qualifier(function_arn)
    event = {
        "Step": step,
        "SecretId": secret["ARN"],
        "ClientRequestToken": token,
        "RotationToken": str(uuid.uuid4()),
    }
    with in_account_of(function_arn):
        status, headers, _ = await lambda_svc._invoke(name, event, {}, path_qualifier=qualifier)
    succeeded = status == OK and "X-Amz-Function-Error" not in headers
    if not succeeded:
        _log.warning("%s of %s failed.", step, secret["ARN"])
    return succeeded
