"""AWS as the function calls it: clients made late, errors translated where the SDK is called."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rotation.errors import (
    InternalError,
    PermissionDenied,
    ProtocolError,
    ServiceUnavailable,
)
from rotation.response import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.exceptions import ClientError

T = TypeVar("T")

# https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html; Secrets Manager answers
# DecryptionFailure and EncryptionFailure where a key cannot be used:
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

# What botocore's parsers let through where the types of an answer are not the documented ones, as
# in `{"Tags": 1}`, or `[]` in place of an object, or a thousand brackets.
_PARSING = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

# A service that hangs has to become our error before Lambda kills the process.
_ATTEMPTS = 3
CONNECT_SECONDS = 3
READ_SECONDS = 7
LONGEST_ATTEMPT_SECONDS = CONNECT_SECONDS + READ_SECONDS
# The standard mode pauses at most 1 s before the second attempt and 2 s before the third:
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
LONGEST_CALL_SECONDS = _ATTEMPTS * LONGEST_ATTEMPT_SECONDS + 3


class Clients(Protocol):
    """How a strategy gets the clients it needs, when it needs them."""

    def __call__(self, service: str, /, *, attempts: int = ...) -> Any:
        """Return the client of a service under the function's role; it is made once."""

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:
        """Make a client under another principal's access key; it is not kept."""


class SdkClients:
    """The SDK's clients, made late: that saves more of a cold start than anything else."""

    @functools.cache  # noqa: B019 -- one object, which lives as long as the execution environment
    def __call__(self, service: str, /, *, attempts: int = _ATTEMPTS) -> Any:
        """Return the client of a service; `attempts=1` where a repetition would make a second."""
        return self._made(service, attempts=attempts)

    def of(self, service: str, /, *, key_id: str, secret: str) -> Any:
        """Make a client under another principal's access key."""
        return self._made(
            service,
            attempts=_ATTEMPTS,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )

    def _made(self, service: str, *, attempts: int, **key: str) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": attempts},
        )
        make: Callable[..., Any] = boto3.client  # its stubs know only literal names
        return make(service, config=config, **key)


def ask(
    action: str,
    resource: str,
    effect: Callable[[], object],
    known: Mapping[str, Exception] | None = None,
) -> Response:
    """Make one call whose answer is read.

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
    """Make one call, and turn the SDK's errors into ours.

    Args:
        action: the IAM action, for the message.
        resource: on what, for the message.
        effect: the call.
        known: what to raise instead, by error code.

    Raises:
        PermissionDenied: The caller may not do that.
        ServiceUnavailable: Throttled, which is a definite no, or the answer was lost.
        ProtocolError: Any other error code.
        InternalError: The SDK refused the parameters.
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
        failure = _translated(action, resource, error, known or {})
    except ParamValidationError as error:
        failure = InternalError(kind=type(error).__name__, place=action)
    except (BotoCoreError, ResponseParserError, *_PARSING) as error:
        # Everything but an error of the open connection, which is what TLS may break too, and of
        # the answer happens before the request is sent.
        lost = isinstance(error, (HTTPClientError, SSLError, ResponseParserError, *_PARSING))
        failure = ServiceUnavailable(action=action, resource=resource, answer_lost=lost)
    raise failure


def _translated(
    action: str, resource: str, error: ClientError, known: Mapping[str, Exception]
) -> Exception:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in known:
        return known[code]
    if code in _DENIED:
        return PermissionDenied(action=action, resource=resource)
    if code in _THROTTLED:
        return ServiceUnavailable(action=action, resource=resource, answer_lost=False)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailable(action=action, resource=resource, answer_lost=True)
    # botocore makes up a code, such as the status, where something answers that is no AWS.
    if not re.fullmatch(r"(?!None$)[A-Za-z][A-Za-z0-9_.]{0,63}", code):
        return ProtocolError.no_code(action=action, resource=resource, status=int(status))
    return ProtocolError.answer(action=action, resource=resource, code=code)
