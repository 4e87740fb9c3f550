"""Statements in a session of PostgreSQL, and each reply to them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import pytest

from rotation.services.postgresql import (
    MalformedReplyError,
    SqlError,
    Stage,
    UnusableTextError,
)
from rotation.services.postgresql.messages import Body
from rotation.services.postgresql.session import log_in
from rotation.services.tls import Limits, NoReplyError
from tests.leaks.search import found, of_exception
from tests.unit.postgresql import (
    ACCEPTED,
    DESCRIPTION,
    DONE,
    NOTICE,
    PASSWORD,
    READY,
    SETTING,
    USER,
    Server,
    error,
    message,
    place_of,
    row,
)

if TYPE_CHECKING:
    from pathlib import Path

_EMPTY: Final = message(b"I")


def _query(
    reply: bytes, folder: Path, *, columns: int = 0, most_bytes: int = 10**6
) -> list[tuple[str | None, ...]]:
    server = Server(replies=(reply,), hangs_up=True)
    limits = Limits(seconds=60, most_bytes=most_bytes)
    with (
        place_of(server.serve, folder) as place,
        log_in(place, USER, PASSWORD, limits) as session,
    ):
        return session.query("SELECT", columns=columns)


@pytest.mark.parametrize(
    ("reply", "columns", "rows"),
    [
        pytest.param(DONE + READY, 0, [], id="none"),
        pytest.param(_EMPTY + READY, 0, [], id="no-statement"),
        pytest.param(DESCRIPTION + DONE + READY, 2, [], id="no-row"),
        pytest.param(DESCRIPTION + row(b"1") + DONE + READY, 1, [("1",)], id="one"),
        pytest.param(
            row(b"\xc3\xa4", None) + NOTICE + row(b"", b"b") + DONE + READY,
            2,
            [("ä", None), ("", "b")],
            id="two",
        ),
        pytest.param(
            row(b"1") + DONE + SETTING + DONE + row(b"2") + DONE + READY,
            1,
            [("1",), ("2",)],
            id="several-statements",
        ),
        pytest.param(row() + DONE + READY, 0, [()], id="no-column"),
    ],
)
def test_the_rows_of_all_statements_are_returned(
    reply: bytes, columns: int, rows: list[tuple[str | None, ...]], tmp_path: Path
) -> None:
    assert _query(reply, tmp_path, columns=columns) == rows


def test_a_statement_is_sent_as_text(tmp_path: Path) -> None:
    server = Server(replies=(DONE + READY, DONE + READY))
    with place_of(server.serve, tmp_path) as place, log_in(place, USER, PASSWORD) as session:
        session.query("SELECT 'ä'; SELECT 2")
        session.query("SELECT 3")
    assert server.heard[-3:] == ["QSELECT 'ä'; SELECT 2\0".encode(), b"QSELECT 3\0", b"X"]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(error("42501", "ERROR") + READY, id="error"),
        pytest.param(NOTICE + error("42501") + NOTICE + READY, id="notices"),
        pytest.param(row() + error("42501") + READY, id="after-a-row"),
        # The server closes the connection.
        pytest.param(error("42501", "FATAL"), id="fatal"),
    ],
)
def test_an_error_has_its_code(reply: bytes, tmp_path: Path) -> None:
    with pytest.raises(SqlError) as caught:
        _query(reply, tmp_path)
    assert (caught.value.sqlstate, caught.value.stage) == ("42501", Stage.STATEMENT)
    assert caught.value.accepted
    assert caught.value.__context__ is None
    assert found({PASSWORD}, of_exception(caught.value)) == set()


def test_a_session_goes_on_after_an_error(tmp_path: Path) -> None:
    server = Server(replies=(error("42501") + READY, row(b"1") + READY))
    with place_of(server.serve, tmp_path) as place, log_in(place, USER, PASSWORD) as session:
        with pytest.raises(SqlError):
            session.query("SELECT 1")
        assert session.value("SELECT 1") == "1"


def test_a_session_ends_after_a_malformed_reply(tmp_path: Path) -> None:
    """The rest of the reply would look like the reply to the next statement."""
    server = Server(replies=(row(b"1", b"2") + row(b"1") + READY, row(b"2") + READY))
    with place_of(server.serve, tmp_path) as place, log_in(place, USER, PASSWORD) as session:
        with pytest.raises(MalformedReplyError):
            session.value("SELECT 1")
        with pytest.raises(NoReplyError):
            session.value("SELECT 2")


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(row(b"1", b"2") + READY, id="more-columns"),
        pytest.param(row() + READY, id="fewer-columns"),
        pytest.param(message(b"D", struct.pack(">h", -1)) + READY, id="negative-columns"),
        pytest.param(message(b"D") + READY, id="no-number"),
        pytest.param(message(b"D", struct.pack(">hi", 1, 5) + b"four"), id="short-value"),
        pytest.param(message(b"D", struct.pack(">hi", 1, -2)) + READY, id="negative-value"),
        pytest.param(message(b"D", struct.pack(">hi", 1, 1) + b"12") + READY, id="long-row"),
        pytest.param(row(b"\xff") + READY, id="no-utf-8"),
        pytest.param(message(b"G", bytes(3)), id="copy-in"),
        pytest.param(message(b"H", bytes(3)), id="copy-out"),
        pytest.param(ACCEPTED + READY, id="authentication"),
        pytest.param(message(b"?") + READY, id="unknown"),
        pytest.param(message(b"E", b"\0") + READY, id="error-without-code"),
        pytest.param(b"D" + struct.pack(">i", 2**30), id="huge"),
        pytest.param(NOTICE * 10**5 + row(b"1") + READY, id="endless-notices"),
        pytest.param(row(b"1") * 10**5 + READY, id="endless-rows"),
    ],
)
def test_a_malformed_reply_has_its_error(reply: bytes, tmp_path: Path) -> None:
    with pytest.raises(MalformedReplyError) as caught:
        _query(reply, tmp_path, columns=1, most_bytes=10**5)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(DONE, id="not-ready"),
        pytest.param(READY[:-1], id="truncated"),
    ],
)
def test_a_lost_reply_leaves_the_effect_open(reply: bytes, tmp_path: Path) -> None:
    with pytest.raises(NoReplyError) as caught:
        _query(reply, tmp_path)
    assert caught.value.lost
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(READY, id="no-row"),
        pytest.param(row(b"1") + row(b"2") + READY, id="two-rows"),
        pytest.param(row(None) + READY, id="null"),
    ],
)
def test_value_requires_exactly_one_row(reply: bytes, tmp_path: Path) -> None:
    server = Server(replies=(reply,))
    with (
        place_of(server.serve, tmp_path) as place,
        log_in(place, USER, PASSWORD) as session,
        pytest.raises(MalformedReplyError),
    ):
        session.value("SELECT 1")


@pytest.mark.parametrize("sql", ["SELECT 1\0; SELECT 2", "SELECT '\ud800'"])
def test_an_unusable_text_is_not_sent(sql: str, tmp_path: Path) -> None:
    server = Server(replies=(READY,))
    with (
        place_of(server.serve, tmp_path) as place,
        log_in(place, USER, PASSWORD) as session,
        pytest.raises(UnusableTextError),
    ):
        session.query(sql)
    assert server.heard[-1] == b"X"


def test_no_part_of_a_message_has_a_negative_length() -> None:
    with pytest.raises(MalformedReplyError):
        Body(b"abc").take(-1)
