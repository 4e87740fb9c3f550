"""Every call of every rotation is killed, lost, refused and interrupted; all converge.

The method is SQLite's: fail at the k-th operation, for every k, until a run finishes unhurt.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from rotation.errors import RotationError
from rotation.event import Step
from tests.unit.cloud import Killed, Side, interpose, kill, lose_answer, refuse
from tests.unit.rotator import TRIES, Rotation, assert_converged, assert_current_works
from tests.unit.subjects import STATES, SUBJECTS, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.cloud import Trouble

_BEGINNINGS = list(itertools.product(SUBJECTS, STATES))
_SIDES = (Side.BEFORE, Side.AFTER)


def _calls(subject: str, state: str) -> list[str]:
    """Name the calls of a clean rotation by a dry run."""
    rotation = prepared(subject, state)
    rotation.steps(rotation.stage())
    return rotation.cloud.fuse.calls


def _numbered(subject: str, state: str) -> Iterator[tuple[int, str]]:
    """Give each call an id that stays the same while no other call is added."""
    seen: dict[str, int] = {}
    for number, name in enumerate(_calls(subject, state), start=1):
        seen[name] = seen.get(name, 0) + 1
        yield number, f"{subject}-{state}-{name}_{seen[name]}"


_EACH_CALL = [
    pytest.param(subject, state, number, id=name)
    for subject, state in _BEGINNINGS
    for number, name in _numbered(subject, state)
]
_EACH_SIDE = [pytest.param(side, id=side.value) for side in _SIDES]
_EACH_NAME = [
    pytest.param(subject, state, name, id=f"{subject}-{state}-{name}")
    for subject, state in _BEGINNINGS
    for name in dict.fromkeys(_calls(subject, state))
]
_EACH_BEGINNING = [
    pytest.param(subject, state, id=f"{subject}-{state}") for subject, state in _BEGINNINGS
]


def _watched(rotation: Rotation, subject: str, state: str, *troubles: Trouble) -> str | None:
    """Arm the fuse; AWSCURRENT has to work after every single call, and the result is its holder.

    The first value of a secret is public before a service is told of it: Secrets Manager labels
    it so. The engine cannot help it where it makes the value itself.
    """

    def watch(_number: int, _name: str, side: Side) -> None:
        if side is Side.AFTER:
            assert_current_works(rotation)

    unwatched = subject == "database_password" and state.startswith("empty")
    rotation.cloud.fuse.arm(*([] if unwatched else [watch]), *troubles)
    return rotation.secret.labels.get("AWSCURRENT")


def _finish(rotation: Rotation, token: str, before: str | None) -> None:
    rotation.retry(token)
    assert_converged(rotation)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert rotation.secret.labels.get("AWSPREVIOUS") == before
    # The next rotation is what an orphan would stop.
    rotation.cloud.fuse.arm()
    rotation.rotate()
    assert_converged(rotation)


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_a_clean_rotation_converges(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, subject, state)
    _finish(rotation, rotation.stage(), before)


@pytest.mark.parametrize("side", _EACH_SIDE)
@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_process_that_dies_is_followed_by_one_that_completes(
    subject: str, state: str, number: int, side: Side
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, subject, state, kill(number, side))
    token = rotation.stage()
    with pytest.raises(Killed):
        rotation.steps(token)
    _finish(rotation, token, before)


@pytest.mark.parametrize("side", _EACH_SIDE)
@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_rotation_given_up_after_a_death_is_followed_by_a_new_one(
    subject: str, state: str, number: int, side: Side
) -> None:
    rotation = prepared(subject, state)
    _watched(rotation, subject, state, kill(number, side))
    with pytest.raises(Killed):
        rotation.steps(rotation.stage())
    rotation.give_up()
    rotation.wait_out_the_overlap()
    _finish(rotation, rotation.stage(), rotation.secret.labels.get("AWSCURRENT"))


@pytest.mark.parametrize("side", _EACH_SIDE)
@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_two_processes_that_die_are_followed_by_one_that_completes(
    subject: str, state: str, number: int, side: Side
) -> None:
    later = number
    unhurt = False
    while not unhurt:
        later += 1
        for later_side in _SIDES:
            rotation = prepared(subject, state)
            second = kill(later, later_side)
            before = _watched(rotation, subject, state, kill(number, side), second)
            token = rotation.stage()
            with pytest.raises(Killed):
                rotation.steps(token)
            rotation.retry(token)
            unhurt = len(rotation.cloud.fuse.calls) < later
            _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_call_that_took_effect_without_an_answer_is_made_good(
    subject: str, state: str, number: int
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, subject, state, lose_answer(number))
    _finish(rotation, rotation.stage(), before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        pytest.param("ThrottlingException", 400, id="throttled"),
        pytest.param("InternalServiceError", 500, id="broken"),
        pytest.param("AccessDeniedException", 400, id="denied"),
        pytest.param("SomethingNew", 400, id="unknown"),
    ],
)
def test_a_call_that_is_refused_once_is_made_good(
    subject: str, state: str, number: int, code: str, status: int
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, subject, state, refuse(number, code, status=status))
    _finish(rotation, rotation.stage(), before)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda name: refuse(name, "ThrottlingException"), id="throttled"),
        pytest.param(lambda name: refuse(name, "ServiceFailure", status=503), id="broken"),
        pytest.param(lose_answer, id="unanswered"),
    ],
)
@pytest.mark.parametrize(("subject", "state", "name"), _EACH_NAME)
def test_a_call_that_fails_for_long_is_made_good_when_it_works_again(
    subject: str, state: str, name: str, fault: Callable[[str], Trouble]
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, subject, state, fault(name))
    token = rotation.stage()
    for _ in range(TRIES):
        # Where only the answer is lost, the next try may find all done.
        with suppress(RotationError):
            rotation.steps(token)
    _watched(rotation, subject, state)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_each_step_may_be_delivered_twice(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, subject, state)
    token = rotation.stage()
    for step in Step:
        rotation.step(step, token)
        rotation.step(step, token)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_second_delivery_may_run_whole_between_two_calls_of_the_first(
    subject: str, state: str, number: int
) -> None:
    rotation = prepared(subject, state)
    token = rotation.stage()
    second = interpose(number, lambda: rotation.steps(token))
    before = _watched(rotation, subject, state, second)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_second_create_secret_may_run_whole_between_two_calls_of_the_first(
    subject: str, state: str, number: int
) -> None:
    rotation = prepared(subject, state)
    token = rotation.stage()
    second = interpose(number, lambda: rotation.step(Step.CREATE, token))
    before = _watched(rotation, subject, state, second)
    _finish(rotation, token, before)
