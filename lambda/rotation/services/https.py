"""HTTPS requests: each is sent once, and no redirect is followed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rotation.aws import LONGEST_ATTEMPT_SECONDS
from rotation.services import NoReplyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from urllib3 import PoolManager


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply over HTTP. Its repr shows only the status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Send(Protocol):
    """Sends one request, once, and follows no redirect."""

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send a request.

        Raises:
            NoReplyError: No reply arrived.
        """


class Https:
    """Sends through urllib3, which the runtime has beside boto3; connections are kept."""

    def __init__(self) -> None:
        self._pool: PoolManager | None = None

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send a request.

        Raises:
            NoReplyError: No reply arrived.
        """
        import urllib3
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        if self._pool is None:
            timeout = urllib3.Timeout(total=LONGEST_ATTEMPT_SECONDS)
            self._pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=timeout)
        try:
            reply = self._pool.request(
                method, url, headers=dict(headers), body=body, redirect=False, retries=False
            )
            # Servers differ in how they spell the names.
            headers_found = {name.lower(): value for name, value in reply.headers.items()}
            return Reply(status=reply.status, headers=headers_found, body=reply.data)
        except HTTPError as error:
            unsent = isinstance(error, NewConnectionError | ConnectTimeoutError)
        raise NoReplyError(lost=not unsent)


def parsed(reply: Reply) -> object:
    """Return the JSON in a reply; None: it has no valid JSON."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
