"""The watcher has a stuck rotation given up: only its label goes, and the current value works."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

import pytest

from rotation.engine import Outcome
from rotation.errors import CredentialRejected, GivenUp, NotYet, RotationError, ServiceUnavailable
from rotation.event import Step, WatcherRequest
from rotation_conformance.account import Killed, Side, interpose, kill
from rotation_conformance.rotator import (
    assert_converged,
    assert_invariants,
    watched,
    works,
)
from tests.unit.cases import run_each
from tests.unit.subject import USER, Kind
from tests.unit.subjects import (
    EACH_SUBJECT,
    FEW_SLOTS,
    SUBJECTS,
    UNITS,
    prepared,
    represents_kind,
    subject_case,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

pytestmark = pytest.mark.campaign("Kill matrix")

_AFTER: Final = timedelta(hours=26)
_SERVED: Final = [subject_case(name) for name in SUBJECTS if UNITS[name].kind is not Kind.GENERATOR]
_FAST: Final = [
    subject_case(name, marks=[] if represents_kind(name) else [pytest.mark.slow])
    for name in SUBJECTS
]
_REPLACERS: Final = [subject_case(name) for name in SUBJECTS if UNITS[name].kind is Kind.REPLACER]
# How far the rotation came before nothing repeated it any more.
_STEPS: Final = [pytest.param(number, id=f"after-{number}-steps") for number in range(4)]


def _stuck(
    subject: str, steps: int, state: str = "steady", *, age: timedelta = _AFTER
) -> tuple[Rotation, str]:
    """Begin a rotation, and let its version grow old."""
    rotation = replace(prepared(subject, state), give_up_after=_AFTER)
    rotation.wait_out_the_overlap()
    token = rotation.stage()
    for step in list(Step)[:steps]:
        rotation.step(step, token)
    created = rotation.secret.versions[token].created
    rotation.cloud.time.advance((created + age - rotation.cloud.time.now).total_seconds())
    return rotation, token


def _give_up(rotation: Rotation, token: str) -> Outcome:
    return rotation.step(WatcherRequest.GIVE_UP, token)


def _tried(action: Callable[[], object]) -> None:
    with suppress(RotationError):
        action()


def _require_given_up(rotation: Rotation, token: str, current: str) -> None:
    """Check that only the label is gone, and that the next rotation leaves nothing behind."""
    assert rotation.secret.labels["AWSCURRENT"] == current
    assert "AWSPENDING" not in rotation.secret.labels
    assert works(rotation, "AWSCURRENT")
    rotation.cloud.fuse.arm(watched(rotation))
    assert rotation.rotate() != token
    assert_converged(rotation)


@pytest.mark.parametrize("steps", _STEPS)
@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_stuck_rotation_is_given_up_and_the_next_one_has_a_new_version(
    subject: str, steps: int
) -> None:
    rotation, token = _stuck(subject, steps)
    current, held = rotation.secret.labels["AWSCURRENT"], rotation.service.ours()
    rotation.cloud.fuse.arm(watched(rotation))
    with pytest.raises(GivenUp, match="has not ended for 26 h"):
        _give_up(rotation, token)
    # A finishSecret that Lambda still runs may promote it in the same moment.
    assert rotation.service.ours() == held
    _require_given_up(rotation, token, current)


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_first_rotation_without_a_value_is_given_up(subject: str) -> None:
    rotation, token = _stuck(subject, 0, "empty")
    with pytest.raises(GivenUp):
        _give_up(rotation, token)
    assert rotation.rotate() != token
    assert_converged(rotation)


def test_a_rotation_that_is_younger_goes_on() -> None:
    for steps in range(4):
        rotation, token = _stuck(FEW_SLOTS, steps, age=_AFTER - timedelta(minutes=1))
        before = rotation.cloud.snapshot()
        assert _give_up(rotation, token) == Outcome.NOTHING_TO_DO
        assert rotation.cloud.snapshot() == before


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_rotation_that_has_ended_is_not_given_up(subject: str) -> None:
    rotation = replace(prepared(subject, "steady"), give_up_after=timedelta(0))
    before = rotation.cloud.snapshot()
    for token in rotation.secret.versions:
        assert _give_up(rotation, token) == Outcome.NOTHING_TO_DO
    assert rotation.cloud.snapshot() == before


def test_without_the_option_no_rotation_is_given_up() -> None:
    rotation, token = _stuck(FEW_SLOTS, 3)
    rotation = replace(rotation, give_up_after=None)
    calls = len(rotation.cloud.fuse.calls)
    assert _give_up(rotation, token) == Outcome.NOTHING_TO_DO
    assert len(rotation.cloud.fuse.calls) == calls


def test_a_rotation_without_a_current_value_keeps_the_pending_one() -> None:
    """AWS makes a first value AWSCURRENT. If it didn't, the pending one would be the only one."""
    rotation, token = _stuck(FEW_SLOTS, 3, "empty_unlabelled")
    assert _give_up(rotation, token) == Outcome.NOTHING_TO_DO
    assert rotation.secret.labels["AWSPENDING"] == token


def test_an_attempt_whose_lease_is_live_is_not_given_up() -> None:
    """Its version is old, because an earlier try has failed."""
    rotation, token = _stuck(FEW_SLOTS, 0)
    refused = []

    def request() -> None:
        with pytest.raises(NotYet, match="may still store a new credential") as caught:
            _give_up(replace(rotation, timeout=1), token)
        refused.append(caught.value)

    rotation.cloud.fuse.arm(watched(rotation), interpose("create_access_key", request))
    rotation.steps(token)
    assert len(refused) == 1
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert_converged(rotation)


def test_the_pending_key_is_kept_if_the_service_rejects_the_current_one() -> None:
    rotation, token = _stuck(FEW_SLOTS, 3)
    key_id = rotation.secret.value()["AccessKeyId"]
    rotation.cloud.remove_key(
        next(one for one in rotation.cloud.users[USER] if one.key_id == key_id)
    )
    rotation.cloud.time.advance(60)
    rotation.cloud.fuse.arm()
    with pytest.raises(CredentialRejected, match="may be the only one that works"):
        _give_up(rotation, token)
    assert "update_secret_version_stage" not in rotation.cloud.fuse.calls
    assert rotation.secret.labels["AWSPENDING"] == token
    rotation.retry(token)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert_converged(rotation)


@pytest.mark.parametrize("subject", _SERVED)
def test_no_rotation_is_given_up_during_an_outage(subject: str) -> None:
    rotation, token = _stuck(subject, 3)
    with rotation.cloud.outage(), pytest.raises(ServiceUnavailable):
        _give_up(rotation, token)
    assert rotation.secret.labels["AWSPENDING"] == token


def _replaced(rotation: Rotation, token: str) -> bool:
    """Let finishSecret die right before the promotion; say whether the service has that value."""
    before = rotation.secret.labels["AWSCURRENT"]
    rotation.cloud.fuse.arm(kill("update_secret_version_stage", Side.BEFORE))
    with pytest.raises(Killed):
        rotation.step(Step.FINISH, token)
    rotation.cloud.fuse.arm()
    rotation.cloud.fuse.revive()
    return rotation.secret.labels["AWSCURRENT"] == before and not works(rotation, "AWSCURRENT")


@pytest.mark.parametrize("subject", _REPLACERS)
def test_the_only_password_that_works_is_kept(subject: str) -> None:
    """The service accepts one at a time. finishSecret died between its change and the promotion."""
    rotation, token = _stuck(subject, 3)
    assert _replaced(rotation, token)
    with pytest.raises(CredentialRejected, match="may be the only one that works"):
        _give_up(rotation, token)
    assert rotation.secret.labels["AWSPENDING"] == token
    rotation.retry(token)
    assert_converged(rotation)


@pytest.mark.parametrize("subject", _REPLACERS)
def test_a_password_that_is_replaced_meanwhile_is_pending_again(subject: str) -> None:
    """finishSecret changes the password after the check of the current one, and dies."""
    rotation, token = _stuck(subject, 3)
    rotation.cloud.fuse.arm(
        interpose("update_secret_version_stage", lambda: _replaced(rotation, token))
    )
    with pytest.raises(CredentialRejected):
        _give_up(rotation, token)
    assert rotation.secret.labels["AWSPENDING"] == token
    rotation.retry(token)
    assert_converged(rotation)


def _calls(subject: str) -> list[str]:
    rotation, token = _stuck(subject, 3)
    rotation.cloud.fuse.arm()
    with pytest.raises(GivenUp):
        _give_up(rotation, token)
    return rotation.cloud.fuse.calls


@pytest.mark.parametrize("subject", _FAST)
def test_the_next_request_gives_up_what_a_crash_left(subject: str, cases: CountCases) -> None:
    def case(number: int, side: Side) -> None:
        rotation, token = _stuck(subject, 3)
        current = rotation.secret.labels["AWSCURRENT"]
        rotation.cloud.fuse.arm(watched(rotation), kill(number, side))
        with pytest.raises((Killed, GivenUp)):
            _give_up(rotation, token)
        rotation.cloud.fuse.arm(watched(rotation))
        with suppress(GivenUp):
            _give_up(rotation, token)
        _require_given_up(rotation, token, current)

    each = enumerate(_calls(subject), start=1)
    deaths = {f"{name}_{n}-{side}": (n, side) for n, name in each for side in Side}
    run_each(case, deaths, cases)


@pytest.mark.parametrize("subject", _FAST)
def test_a_retry_of_secrets_manager_at_the_same_time_loses_nothing(
    subject: str, cases: CountCases
) -> None:
    """The request is carried out at each call of the retry, or the retry at each of its calls."""

    def during_the_retry(number: int) -> None:
        rotation, token = _stuck(subject, 3)
        request = partial(_tried, lambda: _give_up(rotation, token))
        rotation.cloud.fuse.arm(watched(rotation), interpose(number, request))
        _tried(lambda: rotation.steps(token))
        _require_converging(rotation)

    def during_the_request(number: int) -> None:
        rotation, token = _stuck(subject, 3)
        retry = partial(_tried, lambda: rotation.steps(token))
        rotation.cloud.fuse.arm(watched(rotation), interpose(number, retry))
        _tried(lambda: _give_up(rotation, token))
        _require_converging(rotation)

    rotation, token = _stuck(subject, 3)
    rotation.cloud.fuse.arm()
    rotation.steps(token)
    numbers = range(1, len(rotation.cloud.fuse.calls) + 1)
    run_each(during_the_retry, {f"retry {number}": (number,) for number in numbers}, cases)
    numbers = range(1, len(_calls(subject)) + 1)
    run_each(during_the_request, {f"request {number}": (number,) for number in numbers}, cases)


def _require_converging(rotation: Rotation) -> None:
    assert_invariants(rotation)
    rotation.cloud.time.advance(60)
    rotation.rotate()
    assert_converged(rotation)


@pytest.mark.parametrize("subject", _FAST)
def test_no_stale_read_gives_up_what_has_ended(subject: str) -> None:
    """All reads show the time before the promotion, ten seconds ago."""
    rotation, token = _stuck(subject, 3)
    rotation.step(Step.FINISH, token)
    rotation.cloud.read_lag = 10
    _tried(lambda: _give_up(rotation, token))
    rotation.cloud.read_lag = 0
    assert rotation.secret.labels["AWSCURRENT"] == token
    rotation.cloud.time.advance(60)
    rotation.rotate()
    assert_converged(rotation)
