"""The rotation function: takes an event, runs the engine, and writes one log record."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rotation import log
from rotation.aws import Denials, SdkClients, require_fields
from rotation.engine import Engine, Outcome
from rotation.errors import InternalError, RotationError
from rotation.event import Event
from rotation.log import Key
from rotation.proof import Clock
from rotation.secret import Secret
from rotation.settings import Settings
from rotation.silence import Silence
from rotation.strategies import build, source_of

if TYPE_CHECKING:
    from typing import Protocol

    class Context(Protocol):
        """The members of Lambda's context object that the function uses.

        https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
        """

        aws_request_id: str

        def get_remaining_time_in_millis(self) -> int:
            """Return the milliseconds until Lambda stops the invocation."""


# At DEBUG the SDK logs each request and response with the values, and Lambda's runtime sets every
# logger to the function's level:
# https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
logging.disable()

# Kept while the execution environment is warm; each client is made when first needed.
_denials = Denials()
_clients = SdkClients(_denials)

_HERE = __file__.removesuffix("handler.py")
_LOGGING_SECONDS = 1


def _runtime_has_own_descriptor() -> bool:
    """Say whether Lambda's runtime writes its lines to a descriptor of its own, not to 1 and 2.

    The runtime removes the variable from os.environ before it imports the function, but the kernel
    keeps what the process was started with:
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
    """
    with suppress(OSError):
        started_with = Path("/proc/self/environ").read_bytes().split(b"\0")
        return any(one.startswith(b"_LAMBDA_TELEMETRY_LOG_FD=") for one in started_with)
    return False


_silence = Silence(lasting=_runtime_has_own_descriptor())


def lambda_handler(event: object, context: Context) -> None:
    """Carry out one step of a rotation.

    Raises:
        RotationError: The step failed; Secrets Manager retries the rotation. The message is safe.
    """
    started = time.monotonic()
    record: log.LogRecord = {Key.EVENT: "rotation_step"}
    with _silence.keep() as stream:
        failure = _failure(event, context, record)
    if failure is not None:
        record[Key.OUTCOME] = "failed"
        record[Key.ERROR] = type(failure).__name__
        record[Key.MESSAGE] = str(failure)
    if Key.FAILURES in record:
        record[Key.FAILURES] = int(failure is not None)
    record.setdefault(Key.LEVEL, _level(failure))
    record[Key.DURATION_MS] = round((time.monotonic() - started) * 1000)
    record[Key.REQUEST_ID] = context.aws_request_id
    log.write(stream, record)
    if failure is not None:
        raise failure


def _failure(event: object, context: Context, record: log.LogRecord) -> RotationError | None:
    """Carry out the step; return the error that stopped it, which is safe to show."""
    try:
        record[Key.OUTCOME] = _run(event, context, record)
    except RotationError as error:
        return _bare(error)
    # A custom rotator may call sys.exit: Lambda's runtime prints what that raises.
    except BaseException as error:  # noqa: BLE001 -- its text may quote a credential, so it is replaced
        place = _place(error)
        return InternalError(kind=_kind(error), place=place, source=source_of(place))
    return None


def _bare(error: RotationError) -> RotationError:
    """Return an error of the same message and class, but without all that a rotator may add.

    That is a cause, notes, a traceback, or a class of its own with a method __str__.
    """
    kind = next(one for one in type(error).__mro__ if one.__module__ == RotationError.__module__)
    bare: RotationError = kind.__new__(kind, *error.args[:1])
    return bare


def _kind(error: BaseException) -> str:
    """Return the name of the class, or of the nearest one that a module has under that name.

    A class that is made while the function runs may be named after a response.
    """
    named: type = next(
        kind
        for kind in type(error).__mro__
        if vars(sys.modules.get(kind.__module__, sys)).get(kind.__name__) is kind
    )
    return named.__name__


def _run(event: object, context: Context, record: log.LogRecord) -> Outcome:
    settings = Settings.from_environment(os.environ)
    record[Key.STRATEGY] = settings.strategy
    clock = Clock(
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        left=lambda: context.get_remaining_time_in_millis() / 1000 - _LOGGING_SECONDS,
    )
    _denials.begin(sleep=clock.sleep, left=clock.left)
    if settings.audit is not None:
        from rotation.audit import audit  # Only the package of an audit has it.

        return audit(settings, settings.audit, build, _clients, clock, record)
    if settings.previous is not None:
        from rotation.previous import look  # Only a package that needs it has it.

        outcome = look(event, settings, settings.previous, build, _clients, clock, record)
        if outcome is not None:
            return outcome
    request = Event.parse(event, secret_arn_pattern=settings.secret_arn_pattern)
    record[Key.STEP] = request.step
    record[Key.SECRET_ARN] = request.secret_arn
    record[Key.VERSION_ID] = request.token
    if settings.metrics:
        record[Key.FAILURES] = 0
    if request.rotation_token is not None:
        require_fields(_clients("secretsmanager"), "PutSecretValueRequest", ["RotationToken"])
    engine = Engine(
        Secret(_clients, request.secret_arn, constants=settings.constants),
        build(settings.strategy, settings.options, _clients),
        clock=clock,
        minimum_overlap=settings.minimum_overlap,
        revocable=settings.revocable,
        give_up_after=settings.give_up_after,
    )
    return engine.run(request)


def _level(failure: RotationError | None) -> str:
    """Return one of Lambda's levels: WARN if a retry may help, ERROR if an operator must act."""
    if failure is None:
        return "INFO"
    return "WARN" if failure.retry_may_cure else "ERROR"


def _place(error: BaseException) -> str:
    """Return the last line in the package that an unexpected error went through."""
    frames = traceback.extract_tb(error.__traceback__)
    packaged = [frame for frame in frames if frame.filename.startswith(_HERE)] or frames
    return f"{packaged[-1].filename.removeprefix(_HERE)}:{packaged[-1].lineno}"
