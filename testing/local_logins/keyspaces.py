"""Serves Cassandra's native protocol, version 4, up to authentication.

https://github.com/apache/cassandra/blob/trunk/doc/native_protocol_v4.spec
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import BinaryIO

_HEADER: Final = struct.Struct(">BBhBi")
_REQUEST, _RESPONSE = 0x04, 0x84
_ERROR, _STARTUP, _AUTHENTICATE, _OPTIONS, _SUPPORTED = 0x00, 0x01, 0x03, 0x05, 0x06
_AUTH_RESPONSE, _AUTH_SUCCESS = 0x0F, 0x10
_BAD_CREDENTIALS, _WRONG_PROTOCOL = 0x0100, 0x000A
_AUTHENTICATOR: Final = "org.apache.cassandra.auth.PasswordAuthenticator"


def serve(stream: BinaryIO, log_in: Callable[[str, str], bool]) -> None:
    """Respond to the requests of one connection until the client closes it."""
    while len(header := stream.read(_HEADER.size)) == _HEADER.size:
        version, _, number, operation, length = _HEADER.unpack(header)
        body = stream.read(length)
        response, content = (
            _respond(operation, body, log_in)
            if version == _REQUEST
            else _error(_WRONG_PROTOCOL, "Invalid or unsupported protocol version")
        )
        stream.write(_HEADER.pack(_RESPONSE, 0, number, response, len(content)) + content)
        stream.flush()


def _respond(operation: int, body: bytes, log_in: Callable[[str, str], bool]) -> tuple[int, bytes]:
    if operation == _OPTIONS:
        return _SUPPORTED, _multimap({"COMPRESSION": [], "CQL_VERSION": ["3.4.4"]})
    if operation == _STARTUP:
        return _AUTHENTICATE, _string(_AUTHENTICATOR)
    if operation != _AUTH_RESPONSE:
        return _error(_WRONG_PROTOCOL, f"Unexpected message 0x{operation:02X}")
    (length,) = struct.unpack_from(">i", body)
    _, user_name, password = body[4 : 4 + length].decode().split("\0")
    if not log_in(user_name, password):
        return _error(_BAD_CREDENTIALS, "Provided username and/or password are incorrect")
    # A null token: the authentication needs no further step.
    return _AUTH_SUCCESS, struct.pack(">i", -1)


def _error(code: int, message: str) -> tuple[int, bytes]:
    return _ERROR, struct.pack(">i", code) + _string(message)


def _multimap(lists: Mapping[str, Sequence[str]]) -> bytes:
    content = struct.pack(">H", len(lists))
    for key, values in lists.items():
        content += _string(key) + struct.pack(">H", len(values))
        content += b"".join(map(_string, values))
    return content


def _string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
