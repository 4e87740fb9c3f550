"""HTTPS requests: each is sent once, and no redirect is followed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from rotation.services.tls import LIMITS, Connection, Limits, NoReplyError, TooLongError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPResponse
    from typing import Protocol

    class Send(Protocol):
        """Sends one request, once, and follows no redirect."""

        def __call__(
            self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
        ) -> Reply:
            """Send a request.

            Raises:
                NoReplyError: No reply arrived.
            """


_PORT: Final = 443
_PART_BYTES: Final = 65536


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A reply over HTTP. Its repr shows only the status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Https:
    """Sends over a new connection, and decompresses nothing."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        """Take what a server may use up; no connection is made."""
        self._limits = limits

    def __call__(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Reply:
        """Send a request. A body that is too long is empty in the reply.

        Raises:
            NoReplyError: No reply arrived.
        """
        import http.client
        from urllib.parse import urlsplit, urlunsplit

        _, server, *target = urlsplit(url)
        host, _, port = server.partition(":")
        own = {"Accept-Encoding": "identity", "Connection": "close", "Host": server}
        sent = False
        try:
            with Connection(host, int(port or _PORT), self._limits) as connection:
                client = http.client.HTTPConnection(host)
                client.sock = cast("Any", connection)
                sent = True
                client.request(method, urlunsplit(("", "", *target)), body, {**headers, **own})
                response = client.getresponse()
                # Servers differ in how they spell the names.
                found = {name.lower(): value for name, value in response.getheaders()}
                return Reply(status=response.status, headers=found, body=_body(response))
        except (OSError, UnicodeError, http.client.HTTPException):
            pass
        raise NoReplyError(lost=sent)


def _body(response: HTTPResponse) -> bytes:
    """Read in small parts, because http.client reserves memory for any length that is announced."""
    parts = []
    try:
        while part := response.read(_PART_BYTES):
            parts.append(part)
    except TooLongError:
        return b""
    if response.length:
        raise ConnectionResetError
    return b"".join(parts)


def parse_json(reply: Reply) -> object:
    """Return the JSON in a reply; None: it has no valid JSON."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
