"""The messages of PostgreSQL's protocol 3.0.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.services.postgresql import MalformedReplyError

if TYPE_CHECKING:
    from rotation.services.tls import Connection

_HEADER_BYTES: Final = 5
_LENGTH_BYTES: Final = 4
# A notice, a changed setting, and a notification may come at any time.
_ASYNCHRONOUS: Final = frozenset({b"N", b"S", b"A"})
_SQLSTATE: Final = re.compile(rb"[0-9A-Z]{5}")


def pack(body: bytes, kind: bytes = b"") -> bytes:
    """Write a message. The first ones of a connection have no kind."""
    return kind + (len(body) + _LENGTH_BYTES).to_bytes(_LENGTH_BYTES, "big") + body


class Body:
    """The body of a message, which is read once from its beginning to its end."""

    def __init__(self, content: bytes) -> None:
        """Begin at the first byte."""
        self._content = content
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            MalformedReplyError: The message ends before.
        """
        end = self._at + count
        if not self._at <= end <= len(self._content):
            raise MalformedReplyError
        part = self._content[self._at : end]
        self._at = end
        return part

    def number(self, size: int) -> int:
        """Return the next signed integer of `size` bytes.

        Raises:
            MalformedReplyError: The message ends before.
        """
        return int.from_bytes(self.take(size), "big", signed=True)

    def string(self) -> bytes:
        """Return the bytes before the next NUL.

        Raises:
            MalformedReplyError: The message has none.
        """
        end = self._content.find(b"\0", self._at)
        if end < 0:
            raise MalformedReplyError
        return self.take(end + 1 - self._at)[:-1]

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self.take(len(self._content) - self._at)

    def end(self) -> None:
        """Check that no byte is left.

        Raises:
            MalformedReplyError: Some are.
        """
        if self._at != len(self._content):
            raise MalformedReplyError


class Messages:
    """The messages of one connection."""

    def __init__(self, connection: Connection) -> None:
        """Use a connection on which TLS has begun."""
        self._connection = connection

    def send(self, body: bytes, kind: bytes = b"") -> None:
        """Send one message.

        Raises:
            OSError: The connection was lost, or the time is over.
        """
        self._connection.sendall(pack(body, kind))

    def receive(self) -> tuple[bytes, Body]:
        """Return the kind and the body of the next message that belongs to the dialogue.

        Raises:
            OSError: The connection was lost, or the time is over.
            MalformedReplyError: The length is wrong.
        """
        while True:
            header = self._connection.read(_HEADER_BYTES)
            kind = header[:1]
            length = int.from_bytes(header[1:], "big") - _LENGTH_BYTES
            if length < 0:
                raise MalformedReplyError
            body = self._connection.read(length)
            if kind not in _ASYNCHRONOUS:
                return kind, Body(body)


def sqlstate(body: Body) -> str:
    """Return the code of an ErrorResponse.

    Its texts are not read: they may quote a statement, and before the session begins they are in
    any encoding.

    Raises:
        MalformedReplyError: It has no code.
    """
    code = b""
    while (field := body.take(1)) != b"\0":
        text = body.string()
        if field == b"C":
            code = text
    if not _SQLSTATE.fullmatch(code):
        raise MalformedReplyError
    return code.decode("ascii")
