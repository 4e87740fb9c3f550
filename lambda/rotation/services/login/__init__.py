"""The services that accept service-specific credentials, one module for each.

Each logs in with a credential, to find out whether the service accepts it. The services reject a
wrong credential, a new or inactive one, and one whose user has no permission in the same way.
"""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING

from rotation.errors import ProtocolError, ServiceUnavailable
from rotation.services.tls import NoReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from rotation.services.https import Reply


class RejectedError(Exception):
    """The service rejects the credential."""


def request(
    action: str, resource: str, send: Callable[[], Reply], handled: Collection[int] = ()
) -> Reply:
    """Send a request over HTTPS, and translate each failure.

    Args:
        action: the request, for the message.
        resource: what it is about, for the message.
        send: sends the request.
        handled: further statuses that the caller handles.

    Raises:
        RejectedError: The service rejects the credential.
        ServiceUnavailable: No usable reply arrived.
        ProtocolError: Any other status.
    """
    reply: Reply | None = None
    with suppress(NoReplyError):
        reply = send()
    if (
        reply is None
        or reply.status == HTTPStatus.TOO_MANY_REQUESTS
        or reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        raise unavailable(action, resource)
    if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise RejectedError
    if reply.status != HTTPStatus.OK and reply.status not in handled:
        raise ProtocolError.unexpected_code(
            action=action, resource=resource, code=f"HTTP_{reply.status}"
        )
    return reply


def unavailable(action: str, resource: str) -> ServiceUnavailable:
    """Return the error for a log-in without a usable answer. A log-in changes nothing."""
    return ServiceUnavailable(action=action, resource=resource, answer_lost=False)
