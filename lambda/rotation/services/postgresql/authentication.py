"""The part of a log-in in which the server checks the password.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from rotation.services.postgresql import (
    MalformedReplyError,
    SqlError,
    Stage,
    UnsupportedLoginError,
    encode,
)
from rotation.services.postgresql.channel import end_point
from rotation.services.postgresql.messages import sqlstate
from rotation.services.postgresql.scram import Client

if TYPE_CHECKING:
    from rotation.services.postgresql.messages import Body, Messages

_ACCEPTED: Final = 0
_CLEARTEXT: Final = 3
_MD5: Final = 5
_SASL: Final = 10
_SASL_CONTINUE: Final = 11
_SASL_FINAL: Final = 12
_NUMBER_BYTES: Final = 4
_SALT_BYTES: Final = 4
_SCRAM: Final = b"SCRAM-SHA-256"
_SCRAM_PLUS: Final = b"SCRAM-SHA-256-PLUS"
_OTHER_MECHANISM: Final = "another mechanism of SASL"


def authenticate(messages: Messages, user: str, password: str, *, certificate: bytes) -> None:
    """Prove to the server that we know the password.

    Args:
        messages: the connection, on which the session was requested.
        user: the user's name.
        password: its password.
        certificate: the server's certificate as DER.

    Raises:
        SqlError: The server rejects the log-in.
        UnsupportedLoginError: The server requests no password, or requests it in a wrong way.
        MalformedReplyError: A reply is malformed, or the server does not know the password.
        UnusableTextError: The password has the character NUL, or is not Unicode.
        OSError: The connection was lost, or the time is over.
    """
    method, body = _request(messages)
    if method == _SASL:
        _scram(messages, body, password, certificate)
    elif method == _MD5:
        salt = body.take(_SALT_BYTES)
        hashed = _md5(_md5(encode(password) + encode(user)) + salt)
        messages.send(b"md5" + hashed + b"\0", b"p")
    else:
        raise UnsupportedLoginError(_method_name(method))
    _expect(messages, _ACCEPTED)


def _method_name(method: int) -> str:
    known = {_ACCEPTED: "no password", _CLEARTEXT: "the password in cleartext"}
    return known.get(method, f"authentication method {method}")


def _scram(messages: Messages, offered: Body, password: str, certificate: bytes) -> None:
    mechanisms = set()
    while mechanism := offered.string():
        mechanisms.add(mechanism)
    binding = end_point(certificate)
    if binding is not None and _SCRAM_PLUS in mechanisms:
        chosen = _SCRAM_PLUS
        client = Client(password, b"p=tls-server-end-point,,", binding)
    elif _SCRAM in mechanisms:
        chosen = _SCRAM
        # Someone may have removed the other mechanism, so the server learns what we could do.
        client = Client(password, b"n,," if binding is None else b"y,,")
    else:
        raise UnsupportedLoginError(_OTHER_MECHANISM)
    first = client.first()
    messages.send(chosen + b"\0" + len(first).to_bytes(_NUMBER_BYTES, "big") + first, b"p")
    messages.send(client.final(_expect(messages, _SASL_CONTINUE)), b"p")
    client.verify(_expect(messages, _SASL_FINAL))


def _expect(messages: Messages, expected: int) -> bytes:
    code, body = _request(messages)
    if code != expected:
        raise MalformedReplyError
    return body.rest()


def _request(messages: Messages) -> tuple[int, Body]:
    """Return the code and the rest of the server's next request."""
    kind, body = messages.receive()
    if kind == b"E":
        raise SqlError(sqlstate(body), Stage.LOGIN)
    if kind != b"R":
        raise MalformedReplyError
    return body.number(_NUMBER_BYTES), body


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).hexdigest().encode("ascii")
