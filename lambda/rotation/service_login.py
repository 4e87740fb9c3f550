"""The services that take service-specific credentials, each asked whether it takes one.

None tells a credential that is wrong from one that is not known yet, is inactive, or whose user
lacks a right: all these are refusals.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from rotation import cql
from rotation.answer import Answer
from rotation.errors import ConfigurationError, ProtocolError, ServiceUnavailable
from rotation.https import NoReplyError, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rotation.https import Reply, Send

_KEYSPACES_PORT: Final = 9142
_LOG_IN: Final = "Keyspaces' log-in"
# Bad credentials, and unauthorized.
_REFUSED: Final = {0x0100, 0x2100}
# A server error, unavailable, overloaded, bootstrapping.
_UNAVAILABLE: Final = {0x0000, 0x1000, 0x1001, 0x1002}
_ADVERTISEMENT: Final = "application/x-git-upload-pack-advertisement"


class RefusedError(Exception):
    """The service does not take the credential."""


def ask_bedrock(send: Send, endpoint: str, *, api_key: str) -> None:
    """List the models.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html

    Raises:
        RefusedError: Bedrock does not take the key.
        ServiceUnavailable: It gave no usable answer.
        ProtocolError: What answered is not as documented.
    """
    action = "Bedrock's GET /foundation-models"
    url = f"https://{endpoint}/foundation-models"
    headers = {"Accept": "application/json", "Authorization": f"Bearer {api_key}"}
    reply = _good(action, endpoint, partial(send, "GET", url, headers=headers, body=None))
    Answer(parsed(reply), action=action, resource=endpoint).parts("modelSummaries")


def ask_codecommit(
    send: Send, endpoint: str, *, repository: str, user_name: str, password: str
) -> None:
    """Begin to fetch, as git does.

    https://git-scm.com/docs/http-protocol#_discovering_references

    Raises:
        RefusedError: CodeCommit does not take the user name and the password.
        ConfigurationError: There is no such repository.
        ServiceUnavailable: It gave no usable answer.
        ProtocolError: What answered is not as documented.
    """
    action, resource = "CodeCommit's GET info/refs", f"Repository {repository} at {endpoint}"
    url = f"https://{endpoint}/v1/repos/{repository}/info/refs?service=git-upload-pack"
    basic = base64.b64encode(f"{user_name}:{password}".encode()).decode()
    # By its name servers tell git from a browser.
    headers = {"Authorization": f"Basic {basic}", "User-Agent": "git/2 rotating-secret"}
    request = partial(send, "GET", url, headers=headers, body=None)
    reply = _good(action, resource, request, handled={HTTPStatus.NOT_FOUND})
    if reply.status == HTTPStatus.NOT_FOUND:
        raise ConfigurationError.no_such_owner(owner=resource)
    kind = reply.headers.get("content-type")
    if kind != _ADVERTISEMENT:
        raise ProtocolError.malformed(
            action=action,
            resource=resource,
            field="Content-Type",
            given=kind,
            allowed=_ADVERTISEMENT,
        )


def ask_keyspaces(endpoint: str, *, user_name: str, password: str) -> None:
    """Log in.

    https://docs.aws.amazon.com/keyspaces/latest/devguide/programmatic.endpoints.html

    Raises:
        RefusedError: Keyspaces does not take the user name and the password.
        ServiceUnavailable: It gave no usable answer.
        ProtocolError: What answered is not as documented.
    """
    host, _, port = endpoint.partition(":")
    failure: Exception
    try:
        cql.log_in(host, int(port or _KEYSPACES_PORT), user_name=user_name, password=password)
    except cql.CqlError as error:
        failure = _translated(error.code, endpoint)
    except cql.NoCqlError:
        failure = ProtocolError.malformed(
            action=_LOG_IN,
            resource=endpoint,
            field="",
            given=b"",
            allowed="version 4 of CQL's protocol, with a password asked for",
        )
    except NoReplyError:
        failure = _unavailable(_LOG_IN, endpoint)
    else:
        return
    raise failure


def _translated(code: int, endpoint: str) -> Exception:
    if code in _REFUSED:
        return RefusedError()
    if code in _UNAVAILABLE:
        return _unavailable(_LOG_IN, endpoint)
    return ProtocolError.answer(action=_LOG_IN, resource=endpoint, code=f"0x{code:04X}")


def _good(
    action: str, resource: str, request: Callable[[], Reply], handled: Collection[int] = ()
) -> Reply:
    reply: Reply | None = None
    with suppress(NoReplyError):
        reply = request()
    if (
        reply is None
        or reply.status == HTTPStatus.TOO_MANY_REQUESTS
        or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        raise _unavailable(action, resource)
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise RefusedError
    if reply.status != HTTPStatus.OK and reply.status not in handled:
        raise ProtocolError.answer(action=action, resource=resource, code=f"HTTP_{reply.status}")
    return reply


def _unavailable(action: str, resource: str) -> ServiceUnavailable:
    return ServiceUnavailable(action=action, resource=resource, answer_lost=False)
