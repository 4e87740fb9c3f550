"""Calls of AWS: clients are made late, and the SDK's errors become ours."""

from __future__ import annotations

import functools
import gc
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rotation.errors import (
    ConfigurationError,
    InternalError,
    PermissionDenied,
    ProtocolError,
    ServiceUnavailable,
)
from rotation.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from botocore.exceptions import ClientError

T = TypeVar("T")

# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html; Secrets Manager returns
# DecryptionFailure and EncryptionFailure if the role cannot use the secret's key:
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
_DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "DecryptionFailure", "EncryptionFailure"}
)
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_THROTTLED = frozenset(
    {
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)

# botocore's parsers raise these if the types of a response are not the documented ones, as in
# `{"Tags": 1}`, or `[]` in place of an object, or a thousand brackets.
_PARSING = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

# A service that hangs must become our error before Lambda stops the function.
_ATTEMPTS = 3
CONNECT_SECONDS = 3
READ_SECONDS = 7
LONGEST_ATTEMPT_SECONDS = CONNECT_SECONDS + READ_SECONDS
# The standard mode pauses at most 1 s before the second attempt and 2 s before the third:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
LONGEST_CALL_SECONDS = _ATTEMPTS * LONGEST_ATTEMPT_SECONDS + 3

# The first rotation runs seconds after the role's policies were created. AWS promises no figure for
# how long a service doesn't know a new policy; it is usually seconds:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
_PAUSES_SECONDS = (1, 2, 3, 4, 5, 5, 5, 5)
_LAST_PAUSE_SECONDS = sum(_PAUSES_SECONDS)
# To issue (once) and to store (with retries), if both take as long as they can. Nothing is issued
# with less time left, so that an issued credential is never lost to the timeout.
STORING_SECONDS = LONGEST_ATTEMPT_SECONDS + LONGEST_CALL_SECONDS


class Clients(Protocol):
    """Makes the clients of AWS services, when they are needed."""

    def __call__(self, service: str, /, *, attempts: int = ...) -> Any:
        """Return the client of a service, with the function's role; it is made once."""

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:
        """Make a client with an access key of another principal; it is not kept."""


class Denials:
    """Repeats denied calls, because a new policy may not be known yet. They had no effect.

    The pauses grow. They are over 30 seconds after the invocation began, so that none of them
    delays a call at the end of a lease.
    """

    def __init__(self) -> None:
        """Repeat nothing before the first invocation begins."""
        self._pauses: Iterator[int] = iter(())

    def begin(self, *, sleep: Callable[[float], None], left: Callable[[], float]) -> None:
        """Begin an invocation, which has `left()` seconds left."""
        self._sleep = sleep
        self._left = left
        self._until = left() - _LAST_PAUSE_SECONDS
        self._pauses = iter(_PAUSES_SECONDS)

    def repeat(
        self, response: tuple[object, Mapping[str, Any]] | None, **_: object
    ) -> float | None:
        """Pause if a call was denied, and return how long botocore must pause before it repeats it.

        Returns:
            0, because the pause is over; None: it must not be repeated.
        """
        if response is None or _code(response[1]) not in _DENIED:
            return None
        pause = next(self._pauses, None)
        if pause is None or self._left() - pause < max(self._until, STORING_SECONDS):
            return None
        self._sleep(pause)
        return 0


class SdkClients:
    """Makes the SDK's clients late: nothing else saves more of a cold start."""

    def __init__(self, denials: Denials | None = None) -> None:
        """Make no client yet.

        Args:
            denials: repeats denied calls of the function's role; None: nothing does.
        """
        self._denials = denials
        # Another function with the parameters of boto3.client may take its place.
        self.create: Callable[..., Any] = _Botocore().create

    @functools.cache  # noqa: B019 -- one object, which lives as long as the execution environment
    def __call__(self, service: str, /, *, attempts: int = _ATTEMPTS) -> Any:
        """Return the client of a service; `attempts=1` if a repetition is not idempotent."""
        # The client stays as long as the process. The garbage collector would look through it again
        # and again, which is a tenth of a cold start.
        gc.disable()
        try:
            client = self._make(service, attempts=attempts)
            gc.freeze()
        finally:
            gc.enable()
        if self._denials is not None:
            client.meta.events.register("needs-retry", self._denials.repeat)
        return client

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:
        """Make a client with an access key of another principal."""
        return self._make(
            service,
            attempts=_ATTEMPTS,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )

    def _make(self, service: str, *, attempts: int, **key: str) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        return self.create(service, config=config, **key)


class _Botocore:
    """Creates the clients that boto3 creates, without its import, a tenth of a cold start."""

    def __init__(self) -> None:
        self._services: list[str] = []

    def create(self, service: str, **options: Any) -> Any:
        self._services.append(service)
        return self._session.create_client(service, **options)

    @functools.cached_property
    def _session(self) -> Any:
        from botocore.session import get_session

        session = get_session()
        # The header User-Agent of boto3, for policies and trails: both have the same version.
        session.user_agent_name = "Boto3"
        session.user_agent_extra = f"Botocore/{session.user_agent_version}"
        # To look for one service, botocore opens the folders of all.
        loader = session.get_component("data_loader")
        loader.list_available_services = lambda _: self._services
        return session


def require_fields(client: Any, shape: str, fields: Iterable[str]) -> None:
    """Require that the SDK knows the fields of a request or of a part of a response.

    It drops an unknown field of a response, such as the secret of a credential that was just made.

    Raises:
        ConfigurationError: The SDK is too old.
    """
    known = client.meta.service_model.shape_for(shape).members
    for field in fields:
        if field not in known:
            raise ConfigurationError.old_sdk(field=field)


def ask(
    action: str,
    resource: str,
    effect: Callable[[], object],
    known: Mapping[str, Exception] | None = None,
) -> Response:
    """Make one call, and return the response to read its fields.

    Raises:
        RotationError: See call.
    """
    return Response(call(action, resource, effect, known), action=action, resource=resource)


def call(
    action: str,
    resource: str,
    effect: Callable[[], T],
    known: Mapping[str, Exception] | None = None,
) -> T:
    """Make one call, and translate the SDK's errors into ours.

    Args:
        action: the action as in a policy, such as s3:GetObject, for the message.
        resource: what it is about, for the message.
        effect: makes the call.
        known: the error to raise for an error code that the caller knows.

    Raises:
        PermissionDenied: The caller has no permission.
        ServiceUnavailable: The call was throttled, so it had no effect, or the answer was lost.
        ProtocolError: Any other error code.
        InternalError: The SDK rejected the parameters.
    """
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        HTTPClientError,
        ParamValidationError,
        SSLError,
    )
    from botocore.parsers import ResponseParserError

    failure: Exception
    try:
        return effect()
    except ClientError as error:
        failure = _translate(action, resource, error, known or {})
    except ParamValidationError as error:
        failure = InternalError(kind=type(error).__name__, place=action)
    except (BotoCoreError, ResponseParserError, *_PARSING) as error:
        # Once the request is sent, only the open connection, its TLS or the response can fail. All
        # other errors come earlier.
        lost = isinstance(error, (HTTPClientError, SSLError, ResponseParserError, *_PARSING))
        failure = ServiceUnavailable(action=action, resource=resource, answer_lost=lost)
    raise failure


def _code(response: Mapping[str, Any]) -> str:
    return str(response.get("Error", {}).get("Code", ""))


def _translate(
    action: str, resource: str, error: ClientError, known: Mapping[str, Exception]
) -> Exception:
    code = _code(error.response)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in known:
        return known[code]
    if code in _DENIED:
        return PermissionDenied(action=action, resource=resource)
    if code in _THROTTLED:
        return ServiceUnavailable(action=action, resource=resource, answer_lost=False)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable(action=action, resource=resource, answer_lost=True)
    # botocore makes up a code, such as the status, if the response is not from AWS.
    if not re.fullmatch(r"(?!None$)[A-Za-z][A-Za-z0-9_.]{0,63}", code):
        return ProtocolError.no_code(action=action, resource=resource, status=int(status))
    return ProtocolError.unexpected_code(action=action, resource=resource, code=code)
