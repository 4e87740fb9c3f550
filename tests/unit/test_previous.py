"""The previous credential goes when nothing has used it for a time, and not before.

A user of it sleeps and wakes, its service shows uses late, looks come late or fail, and the
function is killed at each call.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import hypothesis
import pytest
from hypothesis import strategies as st

from rotation.engine import Outcome
from rotation.errors import RotationError
from rotation.previous import (
    USE_LAG,
    Action,
    Note,
    Previous,
    Retirement,
    decide,
    parse,
)
from rotation.response import TIME_FORMAT
from rotation.secret import PREVIOUS_TAG, Secret
from rotation.strategy import Deactivator, Use
from rotation_conformance.account import Killed, Side, interpose, kill, lose_answer
from rotation_conformance.rotator import assert_converged, watched
from tests.unit.cases import run_each
from tests.unit.cloud import Key, Maker
from tests.unit.services import IamUser
from tests.unit.subjects import FEW_SLOTS, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_NOW: Final = datetime(2030, 3, 1, 12, tzinfo=UTC)
_WEEK: Final = Retirement(after=7 * _DAY, verifies=True)
_BLIND: Final = Retirement(after=7 * _DAY, verifies=False)


def _look(rotation: Rotation, settings: Retirement = _WEEK) -> Outcome:
    """Look as the deployed function does, in a process of its own."""
    rotation.cloud.fuse.revive()
    clients = rotation.cloud.clients()
    strategy = rotation.strategy(clients)
    assert isinstance(strategy, Deactivator)
    with rotation.cloud.time.invocation(rotation.timeout) as clock:
        outcome, _ = Previous(
            clock=clock,
            overlap=rotation.minimum_overlap,
            secret=Secret(clients, rotation.secret.arn, constants=rotation.constants),
            settings=settings,
            strategy=strategy,
        ).look()
    return outcome


def _later(rotation: Rotation, time: timedelta) -> None:
    rotation.cloud.time.advance(time.total_seconds())


def _key(rotation: Rotation, label: str = "AWSPREVIOUS") -> Key | None:
    return rotation.cloud.key(rotation.secret.value(label)["AccessKeyId"])


def _previous(rotation: Rotation) -> Key:
    key = _key(rotation)
    assert key is not None
    return key


def _use(rotation: Rotation, key: Key) -> None:
    key.uses.append(rotation.cloud.time.now.replace(microsecond=0))


_TABLE: Final = {
    # Days since the note, hours since the last use, state: the actions with and without a look.
    "too-early": (6, None, "active", Action.WAIT, Action.WAIT),
    "too-early-and-used": (6, 1, "active", Action.WAIT, Action.WAIT),
    "the-lag-is-not-over": (7, None, "active", Action.WAIT, Action.DEACTIVATE),
    "unused": (8, None, "active", Action.DEACTIVATE, Action.DEACTIVATE),
    "used-before-it-was-previous": (8, 9 * 24, "active", Action.DEACTIVATE, Action.DEACTIVATE),
    "used-within-the-overlap": (8, 8 * 24 - 1, "active", Action.WAIT, Action.DEACTIVATE),
    "used-after-the-overlap": (8, 8 * 24 - 2, "active", Action.REPORT, Action.DEACTIVATE),
    "used-a-week-and-less-than-a-day-ago": (
        20,
        8 * 24 - 1,
        "active",
        Action.REPORT,
        Action.DEACTIVATE,
    ),
    "used-a-week-and-a-day-ago": (20, 8 * 24, "active", Action.DEACTIVATE, Action.DEACTIVATE),
    "inactive": (7, None, "inactive", Action.WAIT, Action.DELETE),
    "inactive-and-unused": (8, None, "inactive", Action.DELETE, Action.DELETE),
    "used-right-before-it-was-inactive": (0, 1, "inactive", Action.REPORT, Action.WAIT),
    "used-while-it-was-inactive": (8, 24, "inactive", Action.REPORT, Action.DELETE),
    "used-long-before-it-was-inactive": (1, 3 * 24, "inactive", Action.WAIT, Action.WAIT),
}


@pytest.mark.parametrize(
    ("days", "hours", "state", "verified", "blind"),
    [pytest.param(*case, id=name) for name, case in _TABLE.items()],
)
def test_each_state_has_its_action(
    days: int, hours: int | None, state: str, verified: Action, blind: Action
) -> None:
    note = Note(identity="AKIA", active=state == "active", since=_NOW - days * _DAY)
    used = None if hours is None else Use(time=_NOW - hours * _HOUR, service="s3", region="eu")
    decided = partial(decide, now=_NOW, overlap=_HOUR)
    assert decided(note=note, use=used, settings=_WEEK) is verified
    assert decided(note=note, use=None, settings=_BLIND) is blind
    if verified is Action.REPORT and used is not None:
        # It is reported once.
        known = replace(note, reported=used.time)
        assert decided(note=known, use=used, settings=_WEEK) is Action.WAIT


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="absent"),
        pytest.param("none", id="none"),
        pytest.param("deleted AKIA 2030-03-01T12:00:00Z", id="state"),
        pytest.param("active AKIA yesterday", id="time"),
        pytest.param("active AKIA 2030-03-01T12:00:00Z and more", id="longer"),
    ],
)
def test_a_tag_that_we_did_not_write_is_ignored(text: str | None) -> None:
    assert parse(text) is None


def test_a_note_is_read_as_it_was_written() -> None:
    for active in (True, False):
        note = Note(identity="AKIA", active=active, since=_NOW)
        assert parse(note.text()) == note


def _steady() -> Rotation:
    """A rotated secret with a previous key, at which nothing has looked."""
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.cloud.fuse.arm(watched(rotation))
    return rotation


def _noted() -> Rotation:
    rotation = _steady()
    assert _look(rotation) is Outcome.NOTHING_TO_DO
    return rotation


def _due() -> Rotation:
    """It is to be deactivated."""
    rotation = _noted()
    _later(rotation, 8 * _DAY)
    return rotation


def _deactivated() -> Rotation:
    rotation = _due()
    assert _look(rotation) is Outcome.DEACTIVATED
    return rotation


def _ended() -> Rotation:
    """It is to be deleted."""
    rotation = _deactivated()
    _later(rotation, 8 * _DAY)
    return rotation


def _used() -> Rotation:
    """Its use is to be reported."""
    rotation = _noted()
    _later(rotation, 2 * _DAY)
    _use(rotation, _previous(rotation))
    _later(rotation, 6 * _DAY)
    return rotation


def _reactivated() -> Rotation:
    rotation = _deactivated()
    _later(rotation, _HOUR)
    _previous(rotation).active = True
    _later(rotation, _DAY)
    return rotation


_STATES: Final[Mapping[str, Callable[[], Rotation]]] = {
    "steady": _steady,
    "due": _due,
    "ended": _ended,
    "used": _used,
    "reactivated": _reactivated,
}


# `make test` begins in the states with a change of a key.
_BEGINNINGS: Final = [
    pytest.param(state, marks=[] if state in {"due", "ended"} else [pytest.mark.slow])
    for state in _STATES
]


def test_an_unused_key_is_deactivated_and_deleted() -> None:
    rotation = _deactivated()
    key = _previous(rotation)
    assert not key.active
    _later(rotation, 7 * _DAY)
    assert _look(rotation) is Outcome.NOTHING_TO_DO
    _later(rotation, _DAY)
    assert _look(rotation) is Outcome.DELETED
    assert _key(rotation) is None
    assert _look(rotation) is Outcome.NOTHING_TO_DO


def test_a_used_key_is_kept_and_reported_once_for_each_use() -> None:
    rotation = _used()
    used = _previous(rotation).uses[-1].strftime(TIME_FORMAT)
    assert _look(rotation) is Outcome.IN_USE
    assert f" used {rotation.cloud.time.now:%Y-%m-%dT%H:%M}" in rotation.secret.tags[PREVIOUS_TAG]
    assert rotation.secret.tags[PREVIOUS_TAG].endswith(f" {used} s3 eu-west-1")
    assert _look(rotation) is Outcome.NOTHING_TO_DO
    _use(rotation, _previous(rotation))
    assert _look(rotation) is Outcome.IN_USE
    assert _previous(rotation).active


def test_a_reactivated_key_has_the_whole_time_again() -> None:
    rotation = _reactivated()
    for _ in range(8):
        assert _look(rotation) is Outcome.NOTHING_TO_DO
        _later(rotation, _DAY)
    assert _look(rotation) is Outcome.DEACTIVATED


def test_nothing_is_looked_up_without_verification() -> None:
    rotation = _noted()
    _later(rotation, 7 * _DAY)
    _use(rotation, _previous(rotation))
    rotation.cloud.fuse.arm(watched(rotation))
    assert _look(rotation, _BLIND) is Outcome.DEACTIVATED
    assert "get_access_key_last_used" not in rotation.cloud.fuse.calls


@pytest.mark.parametrize("state", _STATES)
def test_nothing_happens_while_a_rotation_is_unfinished(state: str) -> None:
    rotation = _STATES[state]()
    tags, key = dict(rotation.secret.tags), replace(_previous(rotation))
    rotation.stage()
    assert _look(rotation) is Outcome.NOTHING_TO_DO
    assert (rotation.secret.tags, _previous(rotation)) == (tags, key)


@pytest.mark.parametrize("state", _STATES)
def test_the_next_rotation_works(state: str) -> None:
    rotation = _STATES[state]()
    _look(rotation)
    for _ in range(2):
        rotation.rotate()
        assert_converged(rotation)


def test_the_key_of_an_operator_is_not_touched() -> None:
    """Neither if a version names it, nor if it is in the place of the previous one."""
    rotation = prepared(FEW_SLOTS, "one_current")
    foreign = rotation.cloud.add_key("uploader")
    _later(rotation, _HOUR)
    current = rotation.secret.labels["AWSCURRENT"]
    named = {**rotation.secret.value(), "AccessKeyId": foreign.key_id}
    for text in (str(named).replace("'", '"'), None):
        if text is not None:
            rotation.put_by_hand(text)
            rotation.secret.attach("AWSCURRENT", current)
            assert rotation.secret.value("AWSPREVIOUS") == named
        else:
            del rotation.secret.labels["AWSPREVIOUS"]
        for _ in range(30):
            _later(rotation, _DAY)
            assert _look(rotation, _BLIND) is Outcome.NOTHING_TO_DO
    assert foreign.active
    assert PREVIOUS_TAG not in rotation.secret.tags


def test_the_current_key_is_not_touched() -> None:
    """Not even if an operator has put it into both versions."""
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.put_by_hand(str({**rotation.secret.value(), "owner": "reports"}).replace("'", '"'))
    rotation.give_up()
    assert _previous(rotation) is _key(rotation, "AWSCURRENT")
    for _ in range(30):
        _later(rotation, _DAY)
        assert _look(rotation, _BLIND) is Outcome.NOTHING_TO_DO
    assert "update_access_key" not in rotation.cloud.fuse.calls


def test_an_adopted_key_goes_once_it_is_unused() -> None:
    rotation = prepared(FEW_SLOTS, "adopted_and_current")
    (adopted,) = (key for key in rotation.cloud.users["uploader"] if key.maker is Maker.ADOPTED)
    _look(rotation)
    _later(rotation, 8 * _DAY)
    assert _look(rotation) is Outcome.DEACTIVATED
    assert not adopted.active
    rotation.rotate()
    assert_converged(rotation)


def test_a_key_that_is_current_again_works_again() -> None:
    """An operator goes back to it while it is deactivated."""
    rotation = _due()
    going_back = rotation.secret.labels["AWSPREVIOUS"]
    rotation.cloud.fuse.arm(
        interpose("update_access_key", lambda: rotation.secret.attach("AWSCURRENT", going_back))
    )
    assert _look(rotation) is Outcome.NOTHING_TO_DO
    key = _key(rotation, "AWSCURRENT")
    assert key is not None
    assert key.active
    for _ in range(30):
        _later(rotation, _DAY)
        _look(rotation)
    assert key.active


def _numbered(state: str) -> list[int]:
    rotation = _STATES[state]()
    rotation.cloud.fuse.arm()
    _look(rotation)
    return [*range(1, len(rotation.cloud.fuse.calls) + 1)]


def _end(rotation: Rotation, *, deleted: bool) -> None:
    """Look each day until an unused key is gone, with three days more than needed."""
    for _ in range(2 * (7 + 1) + 3):
        rotation.cloud.fuse.arm(watched(rotation))
        _look(rotation)
        _later(rotation, _DAY)
    assert (_key(rotation) is None) == deleted
    rotation.rotate()
    assert_converged(rotation)


@pytest.mark.campaign("Kill matrix")
@pytest.mark.parametrize("state", _BEGINNINGS)
def test_a_look_may_be_killed_at_each_call(state: str, cases: CountCases) -> None:
    def case(number: int, side: Side) -> None:
        rotation = _STATES[state]()
        rotation.cloud.fuse.arm(watched(rotation), kill(number, side))
        with pytest.raises(Killed):
            _look(rotation)
        _end(rotation, deleted=True)

    places = itertools.product(_numbered(state), (Side.BEFORE, Side.AFTER))
    run_each(case, {f"{number}-{side}": (number, side) for number, side in places}, cases)


@pytest.mark.campaign("Kill matrix")
@pytest.mark.parametrize("state", _BEGINNINGS)
def test_each_call_of_a_look_may_be_interrupted_or_lost(state: str, cases: CountCases) -> None:
    """By another look, by a rotation, or by an operator who reactivates the key."""

    def reactivate(rotation: Rotation) -> None:
        if key := _key(rotation):
            key.active = True

    others: Mapping[str, Callable[[Rotation], object]] = {
        "look": _look,
        "rotation": lambda rotation: rotation.steps(rotation.stage()),
        "reactivation": reactivate,
    }

    def case(number: int, name: str) -> None:
        rotation = _STATES[state]()
        if name == "lost":
            rotation.cloud.fuse.arm(watched(rotation), lose_answer(number))
        else:
            other = others[name]
            rotation.cloud.fuse.arm(watched(rotation), interpose(number, lambda: other(rotation)))
        with suppress(RotationError):
            _look(rotation)
        _end(rotation, deleted=True)

    places = itertools.product(_numbered(state), [*others, "lost"])
    run_each(case, {f"{number}-{name}": (number, name) for number, name in places}, cases)


@pytest.mark.campaign("Sequences")
def test_no_key_goes_before_its_user_has_slept_for_the_whole_time(cases: CountCases) -> None:
    cases(_simulate(20))


@pytest.mark.slow
@pytest.mark.campaign("Sequences")
def test_no_key_goes_early_in_thousands_of_schedules(cases: CountCases) -> None:
    cases(_simulate(5000))


# AWS records the first use in so much time.
_RECORDED: Final = timedelta(minutes=15)
_LONGEST_LAG: Final = int((USE_LAG - _RECORDED).total_seconds())


def _simulate(count: int) -> int:
    hypothesis.settings(max_examples=count)(hypothesis.given(data=st.data())(_live))()
    return count


def _live(data: st.DataObject) -> None:
    """Let a user of the previous key and the daily looks run for a time.

    A key is deactivated only after its user has slept for the whole time, perhaps until a use in
    the last day that does not show yet. It is deleted only after the whole time again, in which
    nothing used it. If a use fails, an operator reactivates the key at once. A use that fails
    counts for the service, or doesn't: AWS doesn't say.
    """
    after = data.draw(st.integers(2, 6), "days") * _DAY
    settings = Retirement(after=after, verifies=True)
    minutes = int(after / timedelta(minutes=1))
    awake, asleep = st.integers(0, minutes), st.integers(minutes, 3 * minutes)
    drowsy = st.integers(minutes - 60, minutes)
    gaps = data.draw(st.lists(st.one_of(awake, drowsy, drowsy, asleep), max_size=10), "minutes")
    lags = data.draw(st.lists(st.integers(0, _LONGEST_LAG), min_size=1), "lags")
    counts_failures = data.draw(st.booleans(), "failed uses count")
    late = data.draw(st.lists(st.integers(0, 12 * 3600), min_size=1), "late looks")
    fails = data.draw(st.lists(st.booleans(), min_size=1), "looks that fail")

    rotation = prepared(FEW_SLOTS, "steady")
    rotation.cloud.use_lag = lambda number: lags[number % len(lags)]
    key, time = _previous(rotation), rotation.cloud.time
    # When the user needed the key, which was in vain only before an operator reactivated it.
    needed = [time.now]
    uses = [needed[0] + timedelta(minutes=sum(gaps[: one + 1])) for one in range(len(gaps))]
    days = int((sum(gaps) * timedelta(minutes=1) + 2 * after) / _DAY) + 8
    looks = [
        needed[0] + day * _DAY + timedelta(seconds=late[day % len(late)]) for day in range(days)
    ]
    # The last ones all succeed.
    failing = {look for day, look in enumerate(looks) if fails[day % len(fails)] and day % 3}
    failing -= {*looks[-int(2 * after / _DAY) - 7 :]}
    inactive_since = time.now
    for moment in sorted({*uses, *looks}):
        time.now = max(time.now, moment)
        began, was_active = time.now, key.active
        if moment in looks:
            if moment in failing:
                rotation.cloud.fuse.arm(kill(data.draw(st.integers(1, 9)), Side.AFTER))
            with suppress(Killed):
                _look(rotation, settings)
            rotation.cloud.fuse.arm()
            if was_active and not key.active:
                inactive_since = began
                shown = max(one for one in needed if one <= max(began - USE_LAG, needed[0]))
                slept = began - USE_LAG - shown
                assert slept >= after - _RECORDED, f"it was deactivated after {slept}"
            if _key(rotation) is None:
                kept = began - max(inactive_since, needed[-1])
                assert kept >= after + USE_LAG - _RECORDED, f"it was deleted after {kept}"
                break
            continue
        works = rotation.cloud.accepts(key.key_id, key.secret)
        if works or counts_failures:
            _record(rotation, key)
        key.active = True
        needed.append(began)
        if not works:
            longest = max(later - one for one, later in itertools.pairwise(needed))
            assert longest > after, "a user that never slept lost its key"
    assert _key(rotation) is None, "an unused key was not deleted"
    rotation.rotate()
    assert_converged(rotation)


def _record(rotation: Rotation, key: Key) -> None:
    """Record a use, unless there is one of the last 15 minutes."""
    now = rotation.cloud.time.now.replace(microsecond=0)
    if not key.uses or now - key.uses[-1] >= _RECORDED:
        key.uses.append(now)


def test_only_one_user_has_the_keys() -> None:
    """The tests above look at its keys alone."""
    assert isinstance(_steady().service, IamUser)
