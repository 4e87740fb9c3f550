"""A hostile server of MySQL's protocol causes only our errors, in time, and in little memory."""

from __future__ import annotations

import threading
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Final, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotation.services.mysql.handshake import Greeting, ask_for_tls, authenticate
from rotation.services.mysql.packets import NoMysqlError, Packets, ServerError
from rotation.services.mysql.plugins import PluginError
from rotation.services.mysql.session import Session, log_in
from rotation.services.tls import Limits, NoReplyError, NoTlsError, TooLongError
from tests.unit.mysql import (
    FAST,
    FULL,
    NONCE,
    OK,
    PASSWORD,
    USER,
    Client,
    error,
    framed,
    greeting,
    playing,
    rows,
    switch,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rotation.services.tls import Connection

_SHORT: Final = Limits(seconds=0.5)
_SMALL: Final = Limits(seconds=60, most_bytes=20_000)
_PIECES: Final = 100
# An example takes less than a millisecond.
_MANY: Final = settings(max_examples=max(500, settings().max_examples))
# A session may use so much besides the bytes that it receives.
_MOST_MEMORY: Final = 4 * 2**20


class _Replay:
    """A connection that has received these bytes and no more."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.sent = b""

    def __exit__(self, *_: object) -> None:
        self._content = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def read(self, count: int) -> bytes:
        part, self._content = self._content[:count], self._content[count:]
        if len(part) < count:
            raise ConnectionResetError
        return part


def _session(content: bytes) -> Session:
    return Session(cast("Connection", _Replay(content)))


def _numbered(first: int, *contents: bytes) -> bytes:
    return b"".join(framed(first + at, content) for at, content in enumerate(contents))


_GREETING: Final = Greeting(plugin="caching_sha2_password", nonce=NONCE + b"\0", number=2)
_LOG_INS: Final = [
    [OK],
    [FAST, OK],
    [error(1045, "28000")],
    [switch("caching_sha2_password")],
    [switch("client_ed25519", NONCE * 2)],
    [FULL],
]
_REPLIES: Final = [
    [OK],
    [error(1064, "42000")],
    rows((b"1", None, b"x" * 300), (b"", "ü😀".encode(), b"3")),
    [*rows((b"1",))[:-1], error(1317)],
    [b"\xfb/etc/passwd"],
]


# Bytes with a meaning, letters, and half of a character of UTF-8.
_BYTES: Final = st.sampled_from(b"\x00\x01\x03\x04\x05x\x80\xc3\xfb\xfc\xfd\xfe\xff")


@st.composite
def _corrupted(draw: st.DrawFn, first: int, *dialogues: list[bytes]) -> bytes:
    """Corrupt packets, of which the first has this number, and sometimes their headers."""
    contents = [*draw(st.sampled_from(dialogues))]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(contents) - 1))
        contents[at] = _changed(draw, contents[at])
    whole = _numbered(first, *contents)
    return _changed(draw, whole) if draw(st.booleans()) else whole


def _changed(draw: st.DrawFn, content: bytes) -> bytes:
    """Replace, insert or remove some bytes, or cut off the end."""
    at = draw(st.integers(0, len(content)))
    between = bytes(draw(st.lists(_BYTES, max_size=3)))
    after = content[at + draw(st.integers(0, 3)) :] if draw(st.booleans()) else b""
    return content[:at] + between + after


@_MANY
@given(content=_corrupted(0, [greeting()], [error(1040)]))
def test_a_corrupted_greeting_raises_only_our_errors(content: bytes) -> None:
    replay = _Replay(content)
    with suppress(NoMysqlError, NoTlsError, ServerError, OSError):
        ask_for_tls(replay)
    assert PASSWORD.encode() not in replay.sent


@_MANY
@given(content=_corrupted(3, *_LOG_INS))
def test_a_corrupted_authentication_raises_only_our_errors(content: bytes) -> None:
    replay = _Replay(content)
    with suppress(NoMysqlError, PluginError, ServerError, OSError):
        authenticate(Packets(replay, 2), _GREETING, USER.encode(), PASSWORD.encode())


@_MANY
@given(content=_corrupted(1, *_REPLIES))
def test_a_corrupted_reply_raises_only_our_errors(content: bytes) -> None:
    with suppress(NoMysqlError, NoReplyError, ServerError):
        _session(content).query("SELECT 1")


@given(content=_corrupted(1, rows((b"8.0.31",)), [OK]))
def test_a_corrupted_version_raises_only_our_errors(content: bytes) -> None:
    with suppress(NoMysqlError, NoReplyError, ServerError):
        _session(content).version()


def _slowly(before: Callable[[Client], object], content: bytes) -> Callable[..., None]:
    """Send a packet byte by byte, and then go on as if nothing had happened."""

    def script(client: Client, over: threading.Event) -> None:
        before(client)
        client.receive()
        for byte in framed(client.number, content):
            client.raw(bytes([byte]))
            over.wait(0.05)

    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda _, over: over.wait(20), id="silence"),
        pytest.param(_slowly(lambda _: None, OK + b"x" * _PIECES), id="log-in"),
        pytest.param(_slowly(Client.let_in, OK + b"x" * _PIECES), id="statement"),
    ],
)
def test_a_slow_server_gets_one_limit_of_time(
    script: Callable[[Client, threading.Event], None], trusted: Path
) -> None:
    over = threading.Event()
    with playing(trusted, lambda client: script(client, over)) as (place, _):
        with pytest.raises(NoReplyError), log_in(place, USER, PASSWORD, _SHORT) as session:
            session.query("DO 1")
        over.set()


def test_a_slow_greeting_counts_too(trusted: Path) -> None:
    with (
        playing(trusted, lambda _: None, first=framed(0, greeting())[:-1]) as (place, _),
        pytest.raises(NoReplyError),
    ):
        log_in(place, USER, PASSWORD, _SHORT)


@pytest.mark.parametrize(
    "contents",
    [
        pytest.param([*rows((b"1",))[:3], *[b"\1x"] * 10_000], id="endless-rows"),
        pytest.param([b"\xfc\0\x10", *[b"x" * 30] * 2000], id="endless-columns"),
        pytest.param([*rows((b"1",))[:3], b"\xfd\0\0\x0f" + b"x" * 50_000], id="long"),
    ],
)
def test_endless_replies_end(contents: list[bytes], trusted: Path) -> None:
    def script(client: Client) -> None:
        client.let_in()
        client.receive()
        client.send(*contents)

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, _SMALL) as session,
        pytest.raises(NoReplyError),
    ):
        session.query("SELECT 1")


def test_an_announced_length_reserves_no_memory(trusted: Path) -> None:
    def script(client: Client) -> None:
        client.let_in()
        client.receive()
        client.raw(b"\xff\xff\xff\1" + b"x" * 100)
        client.receive()

    with (
        playing(trusted, script) as (place, _),
        log_in(place, USER, PASSWORD, Limits(seconds=20, most_bytes=2**30)) as session,
    ):
        tracemalloc.start()
        try:
            with pytest.raises(NoMysqlError):
                session.query("SELECT 1")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < _MOST_MEMORY


def test_the_limit_of_size_is_a_failed_connection() -> None:
    """So that it becomes a NoReplyError, as the tests above say."""
    assert issubclass(TooLongError, OSError)
