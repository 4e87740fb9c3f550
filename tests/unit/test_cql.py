"""The log-in over CQL: each response has its error, and nothing is sent before TLS."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import ProtocolError, ServiceUnavailable
from rotation.services.login import RejectedError, keyspaces
from testing.local_logins.keyspaces import serve
from tests.leaks.search import found, of_exception
from tests.unit.tls import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import BinaryIO

_USER: Final = "reader+1-at-123456789012"
_PASSWORD: Final = "nHk5+zoFk/Q2Ta=="  # noqa: S105 -- of no service
_HEADER: Final = struct.Struct(">BBhBi")
_AUTHENTICATE: Final = 0x03
_AUTH_SUCCESS: Final = 0x10


def _frame(operation: int, body: bytes = b"", version: int = 0x84) -> bytes:
    return _HEADER.pack(version, 0, 0, operation, len(body)) + body


def _error(code: int) -> bytes:
    return _frame(0x00, struct.pack(">iH", code, 2) + b"no")


def _answering(*frames: bytes) -> Callable[[BinaryIO], None]:
    """Reply to one request after the other with these bytes, and close the connection."""

    def serve(stream: BinaryIO) -> None:
        for frame in frames:
            header = stream.read(_HEADER.size)
            stream.read(_HEADER.unpack(header)[4])
            stream.write(frame)
            stream.flush()

    return serve


def test_a_user_name_and_a_password_are_accepted(trusted: Path) -> None:
    seen: list[tuple[str, str]] = []

    def log_in(*pair: str) -> bool:
        seen.append((pair[0], pair[1]))
        return True

    with serving(trusted, lambda stream: serve(stream, log_in)) as endpoint:
        keyspaces.log_in(endpoint, user_name=_USER, password=_PASSWORD)
    assert seen == [(_USER, _PASSWORD)]


def test_a_wrong_password_is_rejected(trusted: Path) -> None:
    with (
        serving(trusted, lambda stream: serve(stream, lambda *_: False)) as endpoint,
        pytest.raises(RejectedError),
    ):
        keyspaces.log_in(endpoint, user_name=_USER, password=_PASSWORD)


_ASKED: Final = _frame(_AUTHENTICATE, b"\0\1x")


@pytest.mark.parametrize(
    ("frames", "error", "says"),
    [
        pytest.param([_ASKED, _error(0x2100)], RejectedError, "^$", id="unauthorized"),
        pytest.param([_error(0x1001)], ServiceUnavailable, "no usable response", id="overloaded"),
        pytest.param(
            [_error(0x1002)], ServiceUnavailable, "no usable response", id="bootstrapping"
        ),
        pytest.param([_ASKED, _error(0x0000)], ServiceUnavailable, "no usable", id="server-error"),
        pytest.param([_ASKED, _error(0x1000)], ServiceUnavailable, "no usable", id="unavailable"),
        pytest.param(
            [_error(0x000A)], ProtocolError, "returned the error 0x000A", id="protocol-error"
        ),
        pytest.param([_frame(0x02)], ProtocolError, "a request for a password", id="no-password"),
        pytest.param([_ASKED, _frame(0x0E)], ProtocolError, "version 4", id="challenge"),
        pytest.param([_frame(0x00, b"\0")], ProtocolError, "version 4", id="error-without-code"),
        pytest.param(
            [_frame(_AUTHENTICATE, version=0x83)], ProtocolError, "version 4", id="version-3"
        ),
        pytest.param(
            [_HEADER.pack(0x84, 0, 0, _AUTHENTICATE, -1)], ProtocolError, "version 4", id="negative"
        ),
        pytest.param(
            [_HEADER.pack(0x84, 0, 0, _AUTHENTICATE, 2**30)], ProtocolError, "version", id="huge"
        ),
        pytest.param([b"HTTP/1.1 400 Bad Request\r\n"], ProtocolError, "version 4", id="http"),
        pytest.param([b""], ServiceUnavailable, "no usable response", id="hung-up"),
        pytest.param([_ASKED[:5]], ServiceUnavailable, "no usable response", id="truncated"),
        pytest.param([_ASKED, b""], ServiceUnavailable, "no usable", id="hung-up-after-it"),
    ],
)
def test_each_response_has_its_error(
    frames: list[bytes], error: type[Exception], says: str, trusted: Path
) -> None:
    with (
        serving(trusted, _answering(*frames)) as endpoint,
        pytest.raises(error, match=says) as caught,
    ):
        keyspaces.log_in(endpoint, user_name=_USER, password=_PASSWORD)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert found({_USER, _PASSWORD}, of_exception(caught.value)) == set()


def test_an_untrusted_server_receives_no_password(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with (
        serving(tmp_path, lambda stream: heard.append(stream.read())) as endpoint,
        pytest.raises(ServiceUnavailable, match=r"Keyspaces' log-in on 127\.0"),
    ):
        keyspaces.log_in(endpoint, user_name=_USER, password=_PASSWORD)
    assert heard == []


def test_a_closed_port_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ServiceUnavailable, match="no usable response"):
        keyspaces.log_in(endpoint, user_name=_USER, password=_PASSWORD)


@pytest.mark.parametrize(
    ("endpoint", "asked"),
    [
        pytest.param("cassandra.eu-west-1.amazonaws.com", 9142, id="aws"),
        pytest.param("127.0.0.1:9043", 9043, id="own"),
    ],
)
def test_the_default_port_is_that_of_keyspaces(
    endpoint: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[object] = []

    def look_up(_host: str, port: int, **_: object) -> list[object]:
        seen.append(port)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(ServiceUnavailable):
        keyspaces.log_in(endpoint, user_name=_USER, password=_PASSWORD)
    assert seen == [asked]
