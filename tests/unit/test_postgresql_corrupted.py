"""A corrupted or hostile PostgreSQL server ends a session in time, and by one of our errors."""

from __future__ import annotations

import contextlib
import ssl
import threading
import tracemalloc
from itertools import count, repeat
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotation.services.postgresql import MalformedReplyError, SqlError, UnsupportedLoginError
from rotation.services.postgresql.authentication import authenticate
from rotation.services.postgresql.messages import Messages
from rotation.services.postgresql.scram import Client
from rotation.services.postgresql.session import Session, log_in
from rotation.services.tls import Limits, NoReplyError
from tests.unit.authority import Authority
from tests.unit.postgresql import (
    ACCEPTED,
    DESCRIPTION,
    DONE,
    NOTICE,
    PASSWORD,
    READY,
    SETTING,
    STARTED,
    USER,
    Server,
    Wire,
    consent,
    message,
    place_of,
    request,
    row,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import BinaryIO

_OURS: Final = (MalformedReplyError, NoReplyError, SqlError, UnsupportedLoginError)
_SHORT: Final = Limits(seconds=0.5)
_LIMITS: Final = Limits(seconds=60, most_bytes=10**5)
_MD5: Final = request(5, b"salt")
_REPLY: Final = DESCRIPTION + row(b"1", None) + DONE + READY
_ALL_STARTED: Final = ACCEPTED + READY


@st.composite
def _corrupting(draw: st.DrawFn) -> Callable[[int, bytes], bytes]:
    """Change the messages from one number on."""
    number = draw(st.integers(0, 9))
    place = draw(st.integers(0, 400))
    kind = draw(st.sampled_from(["cut", "delete", "flip", "insert", "repeat", "replace"]))
    noise = draw(st.binary(min_size=1, max_size=40))

    def corrupt(sent: int, content: bytes) -> bytes:
        if sent != number:
            return content
        at = place % (len(content) + 1)
        before, after = content[:at], content[at:]
        flipped = bytes(a ^ b for a, b in zip(after, noise, strict=False))
        return {
            "cut": before,
            "delete": before + after[len(noise) :],
            "flip": before + flipped + after[len(flipped) :],
            "insert": before + noise + after,
            "repeat": content * 2,
            "replace": noise,
        }[kind]

    return corrupt


@pytest.mark.parametrize(
    "script", [pytest.param(None, id="scram"), pytest.param((_MD5, _ALL_STARTED), id="md5")]
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corrupt=_corrupting())
def test_a_corrupted_reply_is_one_of_our_errors(
    script: tuple[bytes, ...] | None, tmp_path: Path, corrupt: Callable[[int, bytes], bytes]
) -> None:
    server = Server(script=script, corrupt=corrupt, replies=(_REPLY,), hangs_up=True)
    failure: Exception | None = None
    rows: list[tuple[str | None, ...]] = []
    with place_of(server.serve, tmp_path, before_tls=_begin) as place:
        try:
            with log_in(place, USER, PASSWORD, _LIMITS) as session:
                rows = session.query("SELECT 1", columns=2)
        except _OURS as error:
            failure = error
    assert failure is None or failure.__context__ is None
    assert all(len(one) == 2 for one in rows)


def _begin(connection: socket.socket) -> None:
    # A corrupted length lets both sides wait. The client would wait until its time is over.
    connection.settimeout(0.05)
    consent(connection)


_CERTIFICATE: Final = ssl.PEM_cert_to_DER_cert(Authority().pem)
_CORRUPTED: Final = st.lists(_corrupting(), min_size=1, max_size=4)
_SESSION: Final = (_MD5, ACCEPTED, *STARTED, DESCRIPTION, row(b"1", None), NOTICE, DONE, READY)


@settings(max_examples=200)
@given(corrupted=_CORRUPTED)
def test_corrupted_messages_are_an_error_of_ours(
    corrupted: list[Callable[[int, bytes], bytes]],
) -> None:
    content = b""
    for number, sent in enumerate(_SESSION):
        for corrupt in corrupted:
            sent = corrupt(number, sent)  # noqa: PLW2901 -- each changes it
        content += sent
    messages = Messages(Wire(content).connection)
    with contextlib.suppress(*_OURS, OSError):
        authenticate(messages, USER, PASSWORD, certificate=_CERTIFICATE)
        with Session(messages, contextlib.ExitStack()) as session:
            session.query("SELECT 1", columns=2)


@settings(max_examples=100)
@given(corrupted=_CORRUPTED, final=st.binary(max_size=60))
def test_corrupted_texts_of_scram_are_malformed(
    corrupted: list[Callable[[int, bytes], bytes]], final: bytes
) -> None:
    client = Client(PASSWORD, b"n,,")
    nonce = client.first().removeprefix(b"n,,n=,r=")
    first = b"r=" + nonce + b"-server,s=c2FsdA==,i=10"
    for corrupt in corrupted:
        first = corrupt(0, first)
    with contextlib.suppress(MalformedReplyError):
        client.final(first)
    with pytest.raises(MalformedReplyError):
        client.verify(b"v=" + final)


def _sending(parts: Iterable[bytes], over: threading.Event, pause: float) -> Server:
    """Return a server that sends these parts, with pauses, after it has asked for the password."""

    class Sending(Server):
        def serve(self, stream: BinaryIO) -> None:
            stream.write(_MD5)
            for part in parts:
                if over.is_set():
                    return
                stream.write(part)
                stream.flush()
                over.wait(pause)
            stream.read()  # Until the client hangs up.

    return Sending()


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(repeat(b""), id="silence"),
        pytest.param(repeat(NOTICE), id="notices"),
        pytest.param((READY[at % 6 : at % 6 + 1] for at in count()), id="slow-message"),
        pytest.param([ACCEPTED, *[SETTING] * 200], id="settings-at-start"),
        pytest.param([_ALL_STARTED, *[row()] * 200], id="rows"),
        pytest.param([_ALL_STARTED, *[NOTICE] * 200], id="notices-after-a-statement"),
    ],
)
def test_a_slow_server_gets_one_limit_of_time(parts: Iterable[bytes], tmp_path: Path) -> None:
    over = threading.Event()
    with place_of(_sending(parts, over, 0.05).serve, tmp_path) as place:
        try:
            with pytest.raises((NoReplyError, MalformedReplyError)):  # noqa: SIM117 -- what is in the block raises
                with log_in(place, USER, PASSWORD, _SHORT) as session:
                    session.query("SELECT 1")
        finally:
            over.set()


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(NOTICE, id="notices"),
        pytest.param(row(), id="rows"),
        pytest.param(row(*[None] * 1000), id="nulls"),
        pytest.param(row(*[b"12"] * 1000), id="values"),
        pytest.param(message(b"E", b"C28P01\0" + b"M\0" * 1000 + b"\0"), id="errors"),
    ],
)
def test_an_endless_reply_uses_little_memory(part: bytes, tmp_path: Path) -> None:
    columns = int.from_bytes(part[5:7], "big") if part.startswith(b"D") else 0
    over = threading.Event()
    parts = [_ALL_STARTED, *repeat(part * (10**4 // len(part)), 4 * _LIMITS.most_bytes // 10**4)]
    with place_of(_sending(parts, over, 0).serve, tmp_path) as place:
        tracemalloc.start()
        try:
            with pytest.raises((MalformedReplyError, SqlError)):  # noqa: SIM117 -- what is in the block raises
                with log_in(place, USER, PASSWORD, _LIMITS) as session:
                    session.query("SELECT 1", columns=columns)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            over.set()
    # The parts of the server are among it.
    assert most < 30 * _LIMITS.most_bytes
