"""The rotation function: event in, engine called, one log record out."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from datetime import UTC, datetime
from typing import Protocol

from rotation import log
from rotation.aws import SdkClients
from rotation.engine import Clock, Engine, Outcome
from rotation.errors import InternalError, RotationError
from rotation.event import Event
from rotation.secret import Secret
from rotation.settings import Settings
from rotation.strategies import CUSTOM_MODULE, build

# At DEBUG the SDK writes each request and answer, values included, and Lambda's runtime gives every
# logger the function's level:
# https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
logging.disable()

# Kept while the execution environment is warm; each client is made when first needed.
_clients = SdkClients()

_HERE = __file__.removesuffix("handler.py")
_LOGGING_SECONDS = 1


class Context(Protocol):
    """What the function uses of Lambda's context object.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda kills the invocation."""


def lambda_handler(event: object, context: Context) -> None:
    """Carry out one step of a rotation.

    Raises:
        RotationError: The step failed; Secrets Manager repeats the rotation. The text is safe.
    """
    started = time.monotonic()
    fields: log.LogRecord = {"event": "rotation_step"}
    failure: RotationError | None = None
    try:
        fields["outcome"] = _run(event, context, fields)
    except RotationError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 -- its text may quote a credential, so it is replaced
        place = _place(error)
        theirs = place.startswith(f"{CUSTOM_MODULE}.py:")
        failure = InternalError(kind=type(error).__name__, place=place, theirs=theirs)
    if failure is not None:
        fields["outcome"] = "failed"
        fields["error"] = type(failure).__name__
        fields["message"] = str(failure)
    fields["level"] = _level(failure)
    fields["duration_ms"] = round((time.monotonic() - started) * 1000)
    fields["request_id"] = context.aws_request_id
    log.write(sys.stdout, fields)
    if failure is not None:
        raise failure


def _run(event: object, context: Context, fields: log.LogRecord) -> Outcome:
    settings = Settings.from_environment(os.environ)
    fields["strategy"] = settings.strategy
    request = Event.parse(event, secret_arn_pattern=settings.secret_arn_pattern)
    fields["step"] = request.step
    fields["secret_arn"] = request.secret_arn
    fields["version_id"] = request.token
    engine = Engine(
        Secret(_clients, request.secret_arn, constants=settings.constants),
        build(settings.strategy, settings.options, _clients),
        clock=Clock(
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
            left=lambda: context.get_remaining_time_in_millis() / 1000 - _LOGGING_SECONDS,
        ),
        minimum_overlap=settings.minimum_overlap,
    )
    return engine.run(request)


def _level(failure: RotationError | None) -> str:
    """Name one of Lambda's levels: WARN where the retry may cure it, ERROR for a person."""
    if failure is None:
        return "INFO"
    return "WARN" if failure.retry_may_cure else "ERROR"


def _place(error: Exception) -> str:
    """Name the line of ours that an unexpected error went through last."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_HERE)] or frames
    return f"{ours[-1].filename.removeprefix(_HERE)}:{ours[-1].lineno}"
