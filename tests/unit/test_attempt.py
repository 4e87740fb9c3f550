"""The record of an attempt: it must fit into a tag, and shows which keys the attempt made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from rotation.attempt import Attempt, digest
from rotation.strategy import Issued

_START = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
_ATTEMPT = Attempt(
    token=str(UUID(int=1)),
    owner=digest("IAM user a,b"),
    started=_START,
    ended=_START + timedelta(seconds=120),
    present=frozenset({"AKIA0000000000000001", "AKIA0000000000000002"}),
)


def test_a_record_survives_the_tag() -> None:
    assert Attempt.parse(_ATTEMPT.text()) == _ATTEMPT


def test_a_record_of_the_longest_parts_fits_into_a_tag() -> None:
    """IAM documents key ids of up to 128 characters. The record has at most one of them."""
    longest = Attempt(
        token="a" * 64,
        owner=_ATTEMPT.owner,
        started=_ATTEMPT.started,
        ended=_ATTEMPT.ended,
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
        pytest.param("token owner yesterday today", id="no-times"),
        pytest.param("token owner 2030-01-01T12:00:00Z", id="one-time"),
        pytest.param(_ATTEMPT.text().replace("-01-01", "-13-01"), id="no-such-month"),
    ],
)
def test_a_tag_that_we_did_not_write_is_ignored(text: str) -> None:
    assert Attempt.parse(text) is None


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
