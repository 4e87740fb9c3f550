"""Log-in over Cassandra's native protocol, version 4, with TLS, and nothing else of it.

https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
"""

from __future__ import annotations

import struct
from functools import partial
from typing import Final

from rotation.services.tls import LIMITS, Connection, Limits, NoReplyError

_REQUEST: Final = 0x04
_RESPONSE: Final = 0x84
_ERROR: Final = 0x00
_STARTUP: Final = 0x01
_AUTHENTICATE: Final = 0x03
_AUTH_RESPONSE: Final = 0x0F
_AUTH_SUCCESS: Final = 0x10
# Version, flags, stream, operation, length of the body.
_HEADER: Final = struct.Struct(">BBhBi")
_CODE: Final = struct.Struct(">i")
# The response to a log-in is a name or a sentence.
_MOST_BYTES: Final = 65536


class CqlError(Exception):
    """The server returned an error."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class NoCqlError(Exception):
    """The server uses another protocol, or does not request a password."""


def log_in(host: str, port: int, *, user_name: str, password: str, limits: Limits = LIMITS) -> None:
    """Log in with a user name and a password.

    Raises:
        CqlError: The server returned an error.
        NoCqlError: The server uses another protocol, or does not request a password.
        NoReplyError: No server replied, or its certificate is not of this host.
    """
    try:
        with Connection(host, port, limits) as connection:
            ask = partial(_ask, connection)
            ask(_STARTUP, _map("CQL_VERSION", "3.0.0"), expected=_AUTHENTICATE)
            # https://datatracker.ietf.org/doc/html/rfc4616
            plain_text = f"\0{user_name}\0{password}".encode()
            ask(_AUTH_RESPONSE, _bytes(plain_text), expected=_AUTH_SUCCESS)
            return
    except OSError:  # also ssl's errors
        pass
    raise NoReplyError(lost=False)


def _ask(connection: Connection, operation: int, body: bytes, *, expected: int) -> None:
    connection.sendall(_HEADER.pack(_REQUEST, 0, 0, operation, len(body)) + body)
    version, _, _, answered, length = _HEADER.unpack(connection.read(_HEADER.size))
    if version != _RESPONSE or not 0 <= length <= _MOST_BYTES:
        raise NoCqlError
    content = connection.read(length)
    if answered == _ERROR and length >= _CODE.size:
        raise CqlError(*_CODE.unpack_from(content))
    if answered != expected:
        raise NoCqlError


def _map(key: str, value: str) -> bytes:
    """Write a [string map] with one entry."""
    return struct.pack(">H", 1) + b"".join(
        struct.pack(">H", len(text)) + text.encode() for text in (key, value)
    )


def _bytes(content: bytes) -> bytes:
    """Write [bytes]."""
    return struct.pack(">i", len(content)) + content
