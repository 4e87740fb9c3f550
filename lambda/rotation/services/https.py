"""HTTP as the strategies speak it: encrypted, one request at a time, no redirect followed."""

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
    """What an HTTP server sent. Its repr shows the status alone."""

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
            NoReplyError: Nobody answered.
        """


class Https:
    """Sends through urllib3, which the runtime ships beside boto3; connections are kept."""

    def __init__(self) -> None:
        self._pool: PoolManager | None = None

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send a request.

        Raises:
            NoReplyError: Nobody answered.
        """
        import urllib3
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

        if self._pool is None:
            timeout = urllib3.Timeout(total=LONGEST_ATTEMPT_SECONDS)
            self._pool = urllib3.PoolManager(cert_reqs="CERT_REQUIRED", timeout=timeout)
        try:
            answer = self._pool.request(
                method, url, headers=dict(headers), body=body, redirect=False, retries=False
            )
            # In one spelling, since that differs from server to server.
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Reply(status=answer.status, headers=found, body=answer.data)
        except HTTPError as error:
            unsent = isinstance(error, NewConnectionError | ConnectTimeoutError)
        raise NoReplyError(lost=not unsent)


def parsed(reply: Reply) -> object:
    """Read JSON; None: it is none."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
