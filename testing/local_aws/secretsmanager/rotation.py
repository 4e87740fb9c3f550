"""RotateSecret: the state machine that calls a rotation function.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from typing import TYPE_CHECKING, Final

from ministack.core import iam_evaluator
from ministack.core.responses import get_region
from ministack.services import lambda_svc, secretsmanager

from testing.local_aws.functions.callers import in_account_of, service_may_invoke
from testing.local_aws.patching import (
    OK,
    Answer,
    Handler,
    Json,
    answered,
    around,
    caller,
    content,
    find_secret,
    further_action,
    in_place_of,
)
from testing.local_aws.refusals import (
    CallerMayNotInvoke,
    NoFunction,
    OneSchedule,
    PreviousRotation,
    ServiceMayNotInvoke,
)
from testing.local_aws.secretsmanager.rotation_schedule import describe_rules, next_rotation
from testing.local_aws.secretsmanager.versions import attach, holder_of, stage_empty, touch
from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PRINCIPAL: Final = "secretsmanager.amazonaws.com"
_STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")

_log = logging.getLogger("local_aws.rotation")
_running: dict[str, asyncio.Task[None]] = {}
_turns: dict[int, asyncio.Semaphore] = {}


def _require_permissions(function_arn: str, secret_arn: str) -> None:
    # The caller needs lambda:InvokeFunction, too.
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
    return holder_of(secret, "AWSPENDING") in {None, holder_of(secret, "AWSCURRENT")}


@in_place_of(secretsmanager, "_rotate_secret")
def rotate_secret(request: Json) -> Answer:
    """Configure rotation and start it, or the test of its configuration.

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
            _start(_rotate, secret["ARN"], str(holder_of(secret, "AWSPENDING")))
        raise PreviousRotation
    secret.update(RotationLambdaARN=function_arn, RotationRules=rules, RotationEnabled=True)
    secret["NextRotationDate"] = next_rotation(rules, time.time())
    if request.get("RotateImmediately", True):
        if token not in secret["Versions"]:
            stage_empty(secret, token)
        attach(secret, token, "AWSPENDING")
        _start(_rotate, secret["ARN"], token)
    else:
        _start(_test, secret["ARN"], token)
    touch(secret)
    return answered(ARN=secret["ARN"], Name=secret["Name"], VersionId=token)


@further_action("CancelRotateSecret")
def cancel_rotate_secret(request: Json) -> Answer:
    """Turn rotation off; one in progress stops before its next step, labels as they are.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html
    """
    secret = find_secret(request)
    secret["RotationEnabled"] = False
    touch(secret)
    pending = holder_of(secret, "AWSPENDING")
    version = {} if pending is None else {"VersionId": pending}
    return answered(ARN=secret["ARN"], Name=secret["Name"], **version)


@around(secretsmanager, "_describe_secret")
def describe_secret(original: Handler, request: Json) -> Answer:
    """Describe a secret with the dates of its rotation.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    answer = original(request)
    if answer[0] != OK:
        return answer
    described = content(answer)
    _, secret = secretsmanager._resolve(request["SecretId"])
    if described["RotationEnabled"]:
        for field in ("LastRotatedDate", "NextRotationDate"):
            if secret.get(field):
                described[field] = secret[field]
    if described.get("RotationRules"):
        described["RotationRules"] = describe_rules(described["RotationRules"])
    if not described["VersionIdsToStages"]:
        del described["VersionIdsToStages"]
    return answered(**described)


def _start(work: Callable[[str, str], Awaitable[None]], secret_arn: str, token: str) -> None:
    """Let work run after what already runs for this secret; the request does not wait."""
    before = _running.get(secret_arn)
    limit = Current.switches.rotation_concurrency
    turn = _turns.setdefault(limit, asyncio.Semaphore(limit))

    async def run() -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            async with turn:
                await work(secret_arn, token)
        finally:
            if _running.get(secret_arn) is asyncio.current_task():
                del _running[secret_arn]

    _running[secret_arn] = asyncio.get_running_loop().create_task(run())


def _enabled(secret_arn: str) -> Json | None:
    """Return the secret unless it, or its rotation, is gone."""
    _, secret = secretsmanager._resolve(secret_arn)
    if secret is None or secret.get("DeletedDate") or not secret.get("RotationEnabled"):
        return None
    found: Json = secret
    return found


async def _rotate(secret_arn: str, token: str) -> None:
    """Run the four steps; when one fails, retry all of them with the same token.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_how.html
    """
    for attempt in range(Current.switches.rotation_attempts):
        if attempt:
            await asyncio.sleep(Current.switches.rotation_retry_seconds)
        if await _run_steps(secret_arn, token):
            return
    _log.warning("Rotation of %s failed; AWSPENDING stays where it is.", secret_arn)


async def _run_steps(secret_arn: str, token: str) -> bool:
    """Tell whether the steps are over: done, or the rotation was cancelled."""
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
    secret["LastRotatedDate"] = round(time.time(), 3)
    secret["NextRotationDate"] = next_rotation(secret["RotationRules"], time.time())
    touch(secret)
    return True


async def _test(secret_arn: str, token: str) -> None:
    """Run testSecret alone, on a version that lives as long as the test.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html#SecretsManager-RotateSecret-request-RotateImmediately
    """
    secret = _enabled(secret_arn)
    if secret is None:
        return
    version = stage_empty(secret, token)
    current = holder_of(secret, "AWSCURRENT")
    if current is not None:
        for field in ("SecretString", "SecretBinary"):
            version[field] = secret["Versions"][current][field]
    attach(secret, token, "AWSPENDING")
    secret["_Testing"] = True
    try:
        if not await _invoke(secret, "testSecret", token):
            _log.warning("The test of the rotation of %s failed.", secret_arn)
    finally:
        del secret["_Testing"]
        secret["Versions"].pop(token, None)
        touch(secret)


async def _invoke(secret: Json, step: str, token: str) -> bool:
    """Invoke the function as any caller would, and wait for its answer."""
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
    done = status == OK and "X-Amz-Function-Error" not in headers
    if not done:
        _log.warning("%s of %s failed.", step, secret["ARN"])
    return done
