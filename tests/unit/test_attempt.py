"""The record of an attempt: it must fit into a tag, and shows which keys the attempt made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from rotation.attempt import Attempt, Rollback, digest, parse
from rotation.strategy import Issued

_START = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
_ATTEMPT = Attempt(
    token=str(UUID(int=1)),
    owner=digest("IAM user a,b"),
    started=_START,
    ended=_START + timedelta(seconds=120),
    lease=_START + timedelta(seconds=200),
    present=frozenset({"AKIA0000000000000001", "AKIA0000000000000002"}),
)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(_ATTEMPT, id="attempt"),
        pytest.param(Rollback(version_id=str(UUID(int=2)), seen=_START), id="rollback"),
    ],
)
def test_a_record_survives_the_tag(record: Attempt | Rollback) -> None:
    assert parse(record.text()) == record


@pytest.mark.parametrize(
    ("seconds", "ended", "lease"),
    [
        pytest.param(-1, 0, 0, id="clock-that-went-back"),
        pytest.param(30, 30, 30, id="while-asking"),
        pytest.param(150, 120, 150, id="while-storing"),
        pytest.param(300, 120, 200, id="after-the-lease"),
    ],
)
def test_an_attempt_that_failed_stores_nothing_more(seconds: int, ended: int, lease: int) -> None:
    over = _ATTEMPT.over(_START + timedelta(seconds=seconds + 0.5))
    assert over.ended == _START + timedelta(seconds=ended)
    assert over.lease == _START + timedelta(seconds=lease)


def test_a_record_of_the_longest_parts_fits_into_a_tag() -> None:
    """IAM documents key ids of up to 128 characters. The record has at most one of them."""
    longest = Attempt(
        token="a" * 64,
        owner=_ATTEMPT.owner,
        started=_ATTEMPT.started,
        ended=_ATTEMPT.started + timedelta(minutes=15),
        lease=_ATTEMPT.started + timedelta(minutes=15),
        present=frozenset({"A" * 128}),
    )
    assert len(longest.text()) <= 256
    assert re.fullmatch(r"[A-Za-z0-9 +=._:/@-]*", longest.text())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("none", id="none"),
        pytest.param("token", id="one-word"),
        pytest.param("token owner yesterday+1+2", id="no-time"),
        pytest.param("token owner 2030-01-01T12:00:00Z", id="no-lengths"),
        pytest.param("token owner 2030-01-01T12:00:00Z+43", id="no-lease"),
        pytest.param("token owner 2030-01-01T12:00:00Z+43+-5", id="lease-before-the-start"),
        pytest.param("token owner 2030-01-01T12:00:00Z+43+901", id="longer-than-an-invocation"),
        pytest.param("token owner 9999-12-31T23:59:59Z+43+76", id="no-plausible-year"),
        pytest.param(_ATTEMPT.text().replace("-01-01", "-13-01"), id="no-such-month"),
        pytest.param("rollback version", id="rollback-without-a-time"),
        pytest.param("rollback version 9999-12-31T23:59:59Z", id="rollback-in-no-plausible-year"),
    ],
)
def test_a_tag_that_we_did_not_write_is_ignored(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("identity", "seconds", "explained"),
    [
        # The time of the attempt, and five seconds for a clock that differs.
        pytest.param("AKIA0000000000000003", -5, True, id="first-second"),
        pytest.param("AKIA0000000000000003", 125, True, id="last-second"),
        pytest.param("AKIA0000000000000003", -6, False, id="before"),
        pytest.param("AKIA0000000000000003", 126, False, id="after"),
        pytest.param("AKIA0000000000000001", 60, False, id="was-there"),
    ],
)
def test_an_attempt_may_have_made_a_key_from_its_time(
    identity: str, seconds: int, *, explained: bool
) -> None:
    issued = Issued(identity=identity, owner="o", created=_START + timedelta(seconds=seconds))
    assert _ATTEMPT.may_have_made(issued) == explained
