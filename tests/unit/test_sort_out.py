"""Whose a credential is: a decision from facts, without a cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from rotation.attempt import Attempt
from rotation.ownership import Facts, Marked, Recorded, Stored, sort_out
from rotation.secret import Version
from rotation.strategy import Credential, Issued

_NOON: Final = datetime(2030, 1, 1, 12, tzinfo=UTC)
_MINE: Final = "0123456789abcdef-"


def _issued(identity: str, *, minutes: float = -60, mark: str | None = None) -> Issued:
    """List a credential that was created `minutes` after noon."""
    created = _NOON + timedelta(minutes=minutes)
    return Issued(identity=identity, owner="o", created=created, mark=mark)


def _credential(identity: str) -> Credential:
    return Credential(identity=identity, owner="o", value="v")


_CURRENT: Final = Stored(
    version=Version(version_id="current", created=_NOON, value="v"),
    credential=_credential("c"),
)
# It was under way from noon to a minute later, and "old" was there before.
_ATTEMPT: Final = Attempt(
    token="tried",  # noqa: S106 -- the id of a version
    owner="o",
    started=_NOON,
    ended=_NOON + timedelta(minutes=1),
    lease=_NOON + timedelta(minutes=2),
    present=frozenset({"old"}),
)
_DURING: Final = 0.5
_RECORDED: Final = Facts(
    held=[], current=_CURRENT, adopted=None, evidence=Recorded(attempt=_ATTEMPT)
)
_MARKED: Final = replace(_RECORDED, evidence=Marked(prefix=_MINE))


@pytest.mark.parametrize(
    ("facts", "claims"),
    [
        pytest.param({"held": [_issued("c")]}, {"kept": {"c"}}, id="current"),
        pytest.param({"held": [_issued("x")]}, {"foreign": {"x"}}, id="of-another-time"),
        pytest.param(
            {"held": [_issued("x", minutes=_DURING)]}, {"orphans": {"x"}}, id="during-the-attempt"
        ),
        pytest.param(
            {"held": [_issued("old", minutes=_DURING)]}, {"foreign": {"old"}}, id="there-before"
        ),
        pytest.param(
            {"held": [_issued("x", minutes=_DURING), _issued("y", minutes=_DURING)]},
            {"foreign": {"x", "y"}},
            id="two-during-the-attempt",
        ),
        pytest.param(
            {
                "held": [_issued("x", minutes=_DURING), _issued("y", minutes=_DURING)],
                "versions": {"v": _credential("y")},
            },
            {"ours": {"y"}, "foreign": {"x"}},
            id="two-during-the-attempt-of-which-a-version-has-one",
        ),
        pytest.param(
            {"held": [_issued("x", minutes=_DURING)], "versions": {"tried": None}},
            {"foreign": {"x"}},
            id="the-attempt-stored-a-value",
        ),
        pytest.param(
            {
                "held": [_issued("x", minutes=_DURING), _issued("y", minutes=_DURING)],
                "versions": {"tried": _credential("y")},
            },
            {"ours": {"y"}, "foreign": {"x"}},
            id="the-attempt-stored-a-credential-of-its-time",
        ),
        pytest.param(
            {
                "held": [_issued("x", minutes=_DURING), _issued("y", minutes=-1)],
                "versions": {"tried": _credential("y")},
            },
            {"ours": {"y"}, "orphans": {"x"}},
            id="another-delivery-stored-what-it-made-before",
        ),
        pytest.param(
            {
                "held": [_issued("x", minutes=_DURING), _issued("old", minutes=_DURING)],
                "versions": {"tried": _credential("old")},
            },
            {"ours": {"old"}, "orphans": {"x"}},
            id="another-delivery-stored-what-the-attempt-saw",
        ),
        pytest.param(
            {
                "held": [_issued("x", minutes=_DURING)],
                "evidence": Recorded(attempt=replace(_ATTEMPT, token="current")),  # noqa: S106
            },
            {"foreign": {"x"}},
            id="the-attempt-made-the-current-one",
        ),
        pytest.param(
            {"held": [_issued("x", minutes=_DURING)], "evidence": Recorded(attempt=None)},
            {"foreign": {"x"}},
            id="no-attempt",
        ),
        pytest.param(
            {"held": [_issued("x")], "versions": {"v": _credential("x")}},
            {"ours": {"x"}},
            id="a-version-has-it",
        ),
        pytest.param(
            {"held": [], "versions": {"v": _credential("x")}}, {}, id="a-version-has-a-retired-one"
        ),
        pytest.param(
            {"held": [_issued("x")], "versions": {"v": None}},
            {"foreign": {"x"}},
            id="a-version-of-another-owner",
        ),
        pytest.param(
            {"held": [_issued("c")], "versions": {"v": _credential("c")}},
            {"kept": {"c"}},
            id="current-and-in-another-version",
        ),
        pytest.param(
            {"held": [_issued("a")], "adopted": "a"},
            {"ours": {"a"}},
            id="adopted-after-the-first-rotation",
        ),
        pytest.param(
            {"held": [_issued("a")], "adopted": "a", "current": None},
            {"kept": {"a"}},
            id="adopted-before-the-first-rotation",
        ),
        pytest.param(
            {"held": [_issued("c")], "adopted": "c"}, {"kept": {"c"}}, id="adopted-and-current"
        ),
    ],
)
def test_an_issuer_with_few_slots(facts: dict[str, Any], claims: dict[str, set[str]]) -> None:
    assert _sorted_out(replace(_RECORDED, **facts)) == {"kept": _kept(facts), **claims}


@pytest.mark.parametrize(
    ("facts", "claims"),
    [
        pytest.param(
            {"held": [_issued("x", mark=f"{_MINE}1")]}, {"orphans": {"x"}}, id="with-our-mark"
        ),
        pytest.param(
            {"held": [_issued("x", mark=f"{_MINE}1"), _issued("y", mark=f"{_MINE}2")]},
            {"orphans": {"x", "y"}},
            id="two-with-our-mark",
        ),
        pytest.param(
            {"held": [_issued("x", mark=f"{_MINE}1")], "versions": {"v": _credential("x")}},
            {"ours": {"x"}},
            id="with-our-mark-and-in-a-version",
        ),
        pytest.param(
            {"held": [_issued("x", mark="fedcba9876543210-1")]}, {}, id="with-another-secrets-mark"
        ),
        pytest.param(
            {
                "held": [_issued("x", mark="fedcba9876543210-1")],
                "versions": {"v": _credential("x")},
            },
            {},
            id="with-another-secrets-mark-and-in-a-version",
        ),
        pytest.param({"held": [_issued("x")]}, {}, id="without-a-mark"),
        pytest.param({"held": [_issued("c", mark=f"{_MINE}1")]}, {"kept": {"c"}}, id="current"),
    ],
)
def test_credentials_of_a_marking_issuer_are_sorted(
    facts: dict[str, Any], claims: dict[str, set[str]]
) -> None:
    assert _sorted_out(replace(_MARKED, **facts)) == {"kept": _kept(facts), **claims}


def _kept(facts: dict[str, Any]) -> set[str]:
    """Return what is kept even if it is not listed: the current credential."""
    return {"c"} if facts.get("current", _CURRENT) else set()


def _sorted_out(facts: Facts) -> dict[str, set[str]]:
    claims = sort_out(facts)
    held = {one.identity for one in facts.held}
    found = {
        "kept": set(claims.kept),
        "ours": claims.ours.keys() & held,
        "orphans": set(claims.orphans),
        "foreign": set(claims.foreign),
    }
    # Each credential has one place.
    assert sum(map(len, found.values())) == len(set().union(*found.values()))
    return {name: identities for name, identities in found.items() if identities or name == "kept"}


def test_an_adopted_credential_has_no_value() -> None:
    """Not even if an operator put it into the secret: it is retired as it is listed."""
    facts = replace(_RECORDED, held=[_issued("a")], adopted="a")
    facts = facts.with_version("v", _credential("a"))
    assert sort_out(facts).ours == {"a": None}


def test_the_first_of_two_versions_gives_the_value() -> None:
    first, second = (replace(_credential("x"), value=value) for value in ("first", "second"))
    facts = replace(_RECORDED, held=[_issued("x")]).with_version("v", first)
    assert sort_out(facts.with_version("w", second)).ours == {"x": first}
