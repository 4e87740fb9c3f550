"""A hostile server gets no more of an invocation than its limits of time and size.

Each server sends for some seconds, and then ends its reply: without the limits it would succeed.
"""

from __future__ import annotations

import gzip
import struct
import threading
from typing import TYPE_CHECKING, Final

import pytest

from rotation.services.https import Https, Reply, parse_json
from rotation.services.login import cql
from rotation.services.tls import Limits, NoReplyError
from tests.unit.tls import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

_OK: Final = b"HTTP/1.1 200 OK\r\n"
_LENGTH: Final = b"Content-Length: 2\r\n\r\n{}"
_CHUNKED: Final = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_SHORT: Final = Limits(seconds=0.5)
_SMALL: Final = Limits(seconds=60, most_bytes=20_000)
_PAUSE_SECONDS: Final = 0.05
_PIECES: Final = 100
_MANY: Final = 100_000


def _read_request(stream: BinaryIO) -> None:
    while stream.readline().strip():
        pass


def _sending(
    parts: Callable[[], Iterable[bytes]], pause: float = 0
) -> tuple[Callable[[BinaryIO], None], threading.Event]:
    """Return a server that sends these parts, and the event that ends its pauses."""
    over = threading.Event()

    def serve(stream: BinaryIO) -> None:
        _read_request(stream)
        for part in parts():
            stream.write(part)
            if pause:
                stream.flush()
                over.wait(pause)
        stream.flush()

    return serve, over


def _ask(endpoint: str, limits: Limits) -> Reply:
    return Https(limits)("GET", f"https://{endpoint}/", headers={}, body=None)


def _slow(*, before: bytes, piece: bytes, after: bytes) -> Callable[[], Iterator[bytes]]:
    def parts() -> Iterator[bytes]:
        yield before
        yield from [piece] * _PIECES
        yield after

    return parts


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(_slow(before=b"", piece=b"", after=_OK + _LENGTH), id="silence"),
        pytest.param(_slow(before=_OK, piece=b"x", after=b": y\r\n" + _LENGTH), id="slow-headers"),
        pytest.param(
            _slow(before=_OK + b"Content-Length: 102\r\n\r\n", piece=b" ", after=b"{}"),
            id="slow-body",
        ),
        pytest.param(
            _slow(before=_OK + b"\r\n", piece=b" ", after=b"{}"), id="slow-body-without-length"
        ),
        pytest.param(
            _slow(before=_CHUNKED, piece=b"1\r\n \r\n", after=b"2\r\n{}\r\n0\r\n\r\n"),
            id="slow-chunks",
        ),
        pytest.param(
            _slow(before=_CHUNKED + b"2\r\n{}\r\n0\r\n", piece=b"a: b\r\n", after=b"\r\n"),
            id="slow-trailers",
        ),
        pytest.param(
            _slow(before=b"", piece=b"HTTP/1.1 100 Continue\r\n\r\n", after=_OK + _LENGTH),
            id="endless-continue",
        ),
    ],
)
def test_a_slow_server_gets_one_limit_of_time(
    parts: Callable[[], Iterable[bytes]], trusted: Path
) -> None:
    serve, over = _sending(parts, _PAUSE_SECONDS)
    with serving(trusted, serve) as endpoint:
        with pytest.raises(NoReplyError):
            _ask(endpoint, _SHORT)
        over.set()


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n"] * _MANY, id="endless-continue"),
        pytest.param([_OK, *([b"x"] * _MANY)], id="endless-header"),
        pytest.param([_OK, *([b"x: " + b"y" * 1000 + b"\r\n"] * 99)], id="long-headers"),
    ],
)
def test_endless_headers_are_not_accepted_as_a_reply(parts: list[bytes], trusted: Path) -> None:
    serve, _ = _sending(lambda: [*parts, _OK, _LENGTH])
    with serving(trusted, serve) as endpoint, pytest.raises(NoReplyError) as caught:
        _ask(endpoint, _SMALL)
    assert caught.value.lost


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([_OK, b"\r\n", *([b" "] * _MANY)], id="endless-body"),
        pytest.param(
            [_OK, f"Content-Length: {2**60}\r\n\r\n".encode(), *([b" "] * _MANY)],
            id="huge-length",
        ),
        pytest.param([_CHUNKED, *([b"1\r\n \r\n"] * _MANY)], id="endless-chunks"),
        pytest.param([_CHUNKED, f"{2**60:x}\r\n".encode(), *([b" "] * _MANY)], id="huge-chunk"),
        pytest.param([_CHUNKED, b"-1\r\n", *([b" "] * _MANY)], id="negative-chunk"),
        pytest.param(
            [_CHUNKED, b"2\r\n{}\r\n0\r\n", *([b"a: b\r\n"] * _MANY)], id="endless-trailers"
        ),
    ],
)
def test_a_body_beyond_the_limit_is_cut_to_nothing(parts: list[bytes], trusted: Path) -> None:
    serve, _ = _sending(lambda: parts)
    with serving(trusted, serve) as endpoint:
        reply = _ask(endpoint, _SMALL)
    assert (reply.status, reply.body, parse_json(reply)) == (200, b"", None)


def test_nothing_is_decompressed(trusted: Path) -> None:
    bomb = gzip.compress(b"[]" * _MANY)
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    serve, _ = _sending(lambda: [_OK, head, bomb])
    with serving(trusted, serve) as endpoint:
        reply = _ask(endpoint, _SMALL)
    assert (reply.body, parse_json(reply)) == (bomb, None)


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([_OK, b"Content-Length: 3\r\n\r\n{}"], id="body"),
        pytest.param([_CHUNKED, b"2\r\n{}\r\n"], id="chunks"),
        pytest.param([_OK[:8]], id="status"),
        pytest.param([], id="nothing"),
    ],
)
def test_a_reply_that_ends_early_is_lost(parts: list[bytes], trusted: Path) -> None:
    serve, _ = _sending(lambda: parts)
    with serving(trusted, serve) as endpoint, pytest.raises(NoReplyError) as caught:
        _ask(endpoint, _SMALL)
    assert caught.value.lost


def test_a_server_that_is_not_trusted_receives_no_request(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with (
        serving(tmp_path, lambda stream: heard.append(stream.read())) as endpoint,
        pytest.raises(NoReplyError) as caught,
    ):
        _ask(endpoint, _SMALL)
    assert heard == []
    assert not caught.value.lost


def test_a_reply_within_the_limits_is_read(trusted: Path) -> None:
    """Its size is the limit, to the byte."""
    whole = _OK + b"X-A: b\r\n" + b"Content-Length: 2\r\n\r\n{}"
    serve, _ = _sending(lambda: [whole])
    with serving(trusted, serve) as endpoint:
        reply = _ask(endpoint, Limits(seconds=60, most_bytes=len(whole)))
    assert (reply.status, reply.headers["x-a"], parse_json(reply)) == (200, "b", {})


_AUTHENTICATE: Final = struct.pack(">BBhBi", 0x84, 0, 0, 0x03, 0)
_LONG_AUTHENTICATE: Final = struct.pack(">BBhBi", 0x84, 0, 0, 0x03, _PIECES)


@pytest.mark.parametrize(
    ("first", "pieces"),
    [
        pytest.param(b"", b"", id="silence"),
        pytest.param(_LONG_AUTHENTICATE, b"x" * _PIECES, id="slow-body"),
        pytest.param(_AUTHENTICATE[:-1], b"\0", id="slow-header"),
    ],
)
def test_a_slow_server_of_cassandra_gets_one_limit_of_time(
    first: bytes, pieces: bytes, trusted: Path
) -> None:
    over = threading.Event()

    def serve(stream: BinaryIO) -> None:
        stream.read(struct.calcsize(">BBhBi"))
        stream.write(first)
        for number in range(_PIECES):
            over.wait(_PAUSE_SECONDS)
            stream.write(pieces[number : number + 1])
            stream.flush()

    with serving(trusted, serve) as endpoint:
        host, _, port = endpoint.partition(":")
        with pytest.raises(NoReplyError):
            cql.log_in(host, int(port), user_name="u", password="p", limits=_SHORT)  # noqa: S106
        over.set()
