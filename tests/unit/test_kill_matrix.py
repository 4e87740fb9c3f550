"""Each call of each rotation is killed, lost, refused or interrupted, and the rotation converges.

The method is that of SQLite: fail at the k-th operation, for every k, until a run finishes.
`make test` runs a part of the cases with two failures, `make test-slow` runs all.
"""

from __future__ import annotations

import itertools
import json
import os
import pickle
import random
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import pytest

from rotation.attempt import TAG
from rotation.errors import RotationError
from rotation.event import Step
from rotation.strategies import REGISTRY
from rotation_conformance.account import (
    Killed,
    Side,
    break_answer,
    interpose,
    kill,
    lose_answer,
    refuse,
    repeat,
)
from rotation_conformance.rotator import (
    RETRY_SECONDS,
    TRIES,
    NeverConvergedError,
    assert_converged,
    assert_invariants,
    watched,
)
from rotation_conformance.suite import Shared
from tests.unit.process import DEATH
from tests.unit.subjects import (
    BEGINNINGS,
    EACH_SUBJECT,
    FEW_SLOTS,
    prepared,
    represents_kind,
    subject_case,
)

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rotation_conformance.account import Trouble
    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

pytestmark = pytest.mark.campaign("Kill matrix")

_SIDES = (Side.BEFORE, Side.AFTER)
# How many of the cases with two failures `make test` draws for each beginning.
_SOME = 40
_SEED = os.environ.get("SEED", "fixed")


def _calls(subject: str, state: str) -> list[str]:
    """Return the names of the calls of a clean rotation."""
    rotation = prepared(subject, state)
    rotation.steps(rotation.stage())
    return rotation.cloud.fuse.calls


def _numbered(subject: str, state: str) -> Iterator[tuple[int, str]]:
    """Give each call an id that stays the same while no other call is added."""
    seen: dict[str, int] = {}
    for number, name in enumerate(_calls(subject, state), start=1):
        seen[name] = seen.get(name, 0) + 1
        yield number, f"{subject}-{state}-{name}_{seen[name]}"


def _marks(subject: str, state: str) -> list[pytest.MarkDecorator]:
    """Let `make test` begin in all states for one subject of a kind, and in two for the others."""
    is_fast = represents_kind(subject) or state in {"empty", "steady"}
    return [] if is_fast else [pytest.mark.slow]


_EACH_CALL = [
    subject_case(subject, state, number, id=name, marks=_marks(subject, state))
    for subject, state in BEGINNINGS
    for number, name in _numbered(subject, state)
]
_EACH_SIDE = [pytest.param(side, id=side.value) for side in _SIDES]
_EACH_NAME = [
    subject_case(subject, state, name, id=f"{subject}-{state}-{name}", marks=_marks(subject, state))
    for subject, state in BEGINNINGS
    for name in dict.fromkeys(_calls(subject, state))
]
_EACH_BEGINNING = [
    subject_case(subject, state, id=f"{subject}-{state}", marks=_marks(subject, state))
    for subject, state in BEGINNINGS
]
_EACH_SHARED_BEGINNING = [
    beginning
    for beginning, (subject, state) in zip(_EACH_BEGINNING, BEGINNINGS, strict=True)
    if isinstance(prepared(subject, state).service, Shared)
]


def _watched(rotation: Rotation, *troubles: Trouble) -> str | None:
    """Arm the fuse, and check the invariants after each call. Return the current value."""
    rotation.cloud.fuse.arm(watched(rotation), *troubles)
    return rotation.secret.labels.get("AWSCURRENT")


class _Ended:
    """The number of cases of a test that left a credential which expires."""

    number = 0


@pytest.fixture(autouse=True)
def _count_what_ends_by_itself(request: pytest.FixtureRequest) -> Iterator[None]:
    _Ended.number = 0
    yield
    request.node.user_properties.append(("ending", _Ended.number))


def _finish(rotation: Rotation, token: str, before: str | None) -> None:
    rotation.retry(token)
    assert_converged(rotation)
    texts = [version.text for version in rotation.secret.versions.values() if version.text]
    lost = [one for one in rotation.service.unlisted() if not any(one in text for text in texts)]
    _Ended.number += bool(lost)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert rotation.secret.labels.get("AWSPREVIOUS") == before
    # An orphan would stop the next rotation.
    _watched(rotation)
    rotation.rotate()
    assert_converged(rotation)


@contextmanager
def _case(**of: object) -> Iterator[None]:
    """Add the case to the message of a failure."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the case {of}, SEED={_SEED}")
        raise


def _drawn(found: list[T], most: int, *names: str) -> list[T]:
    """Draw cases at random; the same SEED draws the same cases."""
    drawn = random.Random(" ".join([_SEED, *names]))  # noqa: S311 -- no secret is made
    return drawn.sample(found, min(most, len(found)))


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_a_clean_rotation_converges(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation)
    _finish(rotation, rotation.stage(), before)


@pytest.mark.parametrize("side", _EACH_SIDE)
@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_the_retry_completes_after_a_crash(
    subject: str, state: str, number: int, side: Side
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, kill(number, side))
    token = rotation.stage()
    with pytest.raises(Killed):
        rotation.steps(token)
    _finish(rotation, token, before)


@pytest.mark.parametrize("side", _EACH_SIDE)
@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_new_rotation_completes_after_a_crash_and_a_cancellation(
    subject: str, state: str, number: int, side: Side
) -> None:
    rotation = prepared(subject, state)
    _watched(rotation, kill(number, side))
    with pytest.raises(Killed):
        rotation.steps(rotation.stage())
    rotation.give_up()
    rotation.wait_out_the_overlap()
    _finish(rotation, rotation.stage(), rotation.secret.labels.get("AWSCURRENT"))


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_a_crash_while_rotation_is_turned_on_changes_nothing(
    subject: str, state: str, cases: CountCases
) -> None:
    rehearsal = prepared(subject, state)
    rehearsal.test_only()
    deaths = list(itertools.product(range(1, len(rehearsal.cloud.fuse.calls) + 1), _SIDES))
    for number, side in deaths:
        with _case(number=number, side=side):
            rotation = prepared(subject, state)
            before = _watched(rotation, kill(number, side))
            with pytest.raises(Killed):
                rotation.test_only()
            _finish(rotation, rotation.stage(), before)
    cases(len(deaths) + 1)


def _pairs(subject: str, state: str) -> list[tuple[int, Side, int, Side]]:
    """Find all pairs of crashes: the second one is in the retry."""
    pairs = []
    for number, side in itertools.product(range(1, len(_calls(subject, state)) + 1), _SIDES):
        rotation = prepared(subject, state)
        rotation.cloud.fuse.arm(kill(number, side))
        rotation.retry(rotation.stage())
        later = range(number + 1, len(rotation.cloud.fuse.calls) + 1)
        pairs += [(number, side, *second) for second in itertools.product(later, _SIDES)]
    return pairs


def _die_twice(subject: str, state: str, pairs: list[tuple[int, Side, int, Side]]) -> None:
    for number, side, later, later_side in pairs:
        with _case(number=number, side=side, later=later, later_side=later_side):
            rotation = prepared(subject, state)
            before = _watched(rotation, kill(number, side), kill(later, later_side))
            _finish(rotation, rotation.stage(), before)


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_the_retry_completes_after_two_crashes(subject: str, state: str, cases: CountCases) -> None:
    pairs = _pairs(subject, state)
    _die_twice(subject, state, pairs)
    cases(len(pairs))


@pytest.mark.parametrize("state", [pytest.param(state, id=state) for state in ("empty", "steady")])
@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_the_retry_completes_after_some_pairs_of_crashes(
    subject: str, state: str, cases: CountCases
) -> None:
    pairs = _drawn(_pairs(subject, state), _SOME, subject, state)
    _die_twice(subject, state, pairs)
    cases(len(pairs))


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lose_answer, id="unanswered"),
        pytest.param(break_answer, id="broken"),
        pytest.param(repeat, id="repeated"),
    ],
)
@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_the_retry_completes_after_a_call_without_a_usable_response(
    subject: str, state: str, number: int, fault: Callable[[int], Trouble]
) -> None:
    rotation = prepared(subject, state)
    # The call that issues has no retries of the SDK.
    name = _calls(subject, state)[number - 1]
    if fault is repeat and name == rotation.service.issues:
        fault = lose_answer
    before = _watched(rotation, fault(number))
    _finish(rotation, rotation.stage(), before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        # A definite refusal, and an unknown error.
        pytest.param("AccessDeniedException", 400, id="denied"),
        pytest.param("InternalServiceError", 500, id="broken"),
    ],
)
def test_the_retry_completes_after_a_refused_call(
    subject: str, state: str, number: int, code: str, status: int
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, refuse(number, code, status=status))
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
def test_the_retry_completes_when_a_failing_call_works_again(
    subject: str, state: str, name: str, fault: Callable[[str], Trouble]
) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation, fault(name))
    token = rotation.stage()
    for _ in range(TRIES):
        # If only the response is lost, the next try may find all done.
        with suppress(RotationError):
            rotation.steps(token)
    _watched(rotation)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_each_step_may_be_delivered_twice(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation)
    token = rotation.stage()
    for step in Step:
        rotation.step(step, token)
        rotation.step(step, token)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_second_delivery_may_run_between_two_calls_of_the_first(
    subject: str, state: str, number: int
) -> None:
    rotation = prepared(subject, state)
    token = rotation.stage()
    second = interpose(number, lambda: rotation.steps(token))
    before = _watched(rotation, second)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state", "number"), _EACH_CALL)
def test_a_second_create_secret_may_run_between_two_calls_of_the_first(
    subject: str, state: str, number: int
) -> None:
    rotation = prepared(subject, state)
    token = rotation.stage()
    second = interpose(number, lambda: rotation.step(Step.CREATE, token))
    before = _watched(rotation, second)
    _finish(rotation, token, before)


# How the services lag and their clocks differ, within the limits that the engine allows.
_SKIES: dict[str, dict[str, float]] = {
    "late": {"list_lag": 8, "quota_lag": 8},
    "ahead": {"list_lag": 3, "iam_ahead": 4},
    "behind": {"list_lag": 3, "iam_ahead": -4},
}


@pytest.mark.parametrize("sky", [pytest.param(sky, id=sky) for sky in _SKIES])
@pytest.mark.parametrize(
    ("subject", "state"),
    [one for one in _EACH_BEGINNING if one.values[0] == FEW_SLOTS],
)
def test_a_process_may_crash_while_the_service_lags(
    subject: str, state: str, sky: str, cases: CountCases
) -> None:
    deaths = list(itertools.product(range(1, len(_calls(subject, state)) + 1), _SIDES))
    for number, side in deaths:
        with _case(number=number, side=side):
            rotation = prepared(subject, state)
            for knob, seconds in _SKIES[sky].items():
                setattr(rotation.cloud, knob, seconds)
            before = _watched(rotation, kill(number, side))
            token = rotation.stage()
            with suppress(Killed, RotationError):
                rotation.steps(token)
            # The retry may come immediately.
            rotation.cloud.time.advance(1)
            _finish(rotation, token, before)
    cases(len(deaths))


def _with_foreign(subject: str, state: str, at: int, *troubles: Trouble) -> bool:
    """Make a credential as an operator right before a call; delete it if it stops the rotation.

    Return False for the known limit of the design.
    """
    rotation = prepared(subject, state)
    service = rotation.service
    assert isinstance(service, Shared)
    made: list[str | None] = []
    operator = interpose(at, lambda: made.append(service.add_foreign()))
    before = _watched(rotation, operator, *troubles)
    token = rotation.stage()
    with suppress(Killed, RotationError):
        rotation.steps(token)
    if _left_open(rotation, token, made):
        return False
    rotation.cloud.time.advance(RETRY_SECONDS)
    with suppress(NeverConvergedError):
        rotation.retry(token)
    assert_invariants(rotation)
    for identity in filter(None, made):
        service.remove_foreign(identity)
    _finish(rotation, token, before)
    return True


def _left_open(rotation: Rotation, token: str, made: list[str | None]) -> bool:
    """Say whether this is the known limit that the documentation names.

    This try recorded its attempt and issued nothing. So the credential that the operator made
    after the inventory is the only one that the attempt may have made.
    """
    record = rotation.secret.tags.get(TAG, "")
    stored = [version.text for version in rotation.secret.versions.values() if version.text]
    named = {rotation.service.identity(json.loads(text)) for text in stored}
    return (
        record.startswith(token)
        and rotation.secret.versions[token].text is None
        and rotation.service.ours() <= named
        and any(identity and identity not in record for identity in made)
    )


@pytest.mark.parametrize(("subject", "state"), _EACH_SHARED_BEGINNING)
def test_a_foreign_credential_may_appear_between_any_two_calls(
    subject: str, state: str, cases: CountCases
) -> None:
    calls = len(_calls(subject, state))
    for at in range(1, calls + 1):
        with _case(at=at):
            assert _with_foreign(subject, state, at)
    cases(calls)


_FAULTS: dict[str, Callable[[int], Trouble]] = {
    "before": lambda number: kill(number, Side.BEFORE),
    "after": lambda number: kill(number, Side.AFTER),
    "unanswered": lose_answer,
}


def _with_faults(subject: str, state: str) -> list[tuple[int, str, int]]:
    """Find each call that may fail, and each before which an operator may act."""
    found = []
    for number, fault in itertools.product(range(1, len(_calls(subject, state)) + 1), _FAULTS):
        rotation = prepared(subject, state)
        rotation.cloud.fuse.arm(_FAULTS[fault](number))
        rotation.retry(rotation.stage())
        found += [(number, fault, at) for at in range(1, len(rotation.cloud.fuse.calls) + 1)]
    return found


def _appear(subject: str, state: str, found: list[tuple[int, str, int]]) -> int:
    closed = 0
    for number, fault, at in found:
        with _case(number=number, fault=fault, at=at):
            closed += _with_foreign(subject, state, at, _FAULTS[fault](number))
    return closed


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "state"), _EACH_SHARED_BEGINNING)
def test_a_foreign_credential_may_appear_where_a_call_fails(
    subject: str, state: str, cases: CountCases
) -> None:
    found = _with_faults(subject, state)
    cases(_appear(subject, state, found))


@pytest.mark.parametrize(("subject", "state"), _EACH_SHARED_BEGINNING)
def test_a_foreign_credential_may_appear_where_some_call_fails(
    subject: str, state: str, cases: CountCases
) -> None:
    found = _drawn(_with_faults(subject, state), _SOME, subject, state)
    cases(_appear(subject, state, found))


def _in_processes(subject: str, most: int, path: Path, repository: Path) -> int:
    """End one process of the operating system in a rotation, and complete it in another one."""
    deaths = [
        (state, number, side)
        for known, state in BEGINNINGS
        if known == subject
        for number, side in itertools.product(range(1, len(_calls(subject, state)) + 1), _SIDES)
    ]
    drawn = _drawn(deaths, most, subject)
    for state, number, side in drawn:
        with _case(state=state, number=number, side=side):
            rotation = prepared(subject, state)
            before = rotation.secret.labels.get("AWSCURRENT")
            token = rotation.stage()
            path.write_bytes(pickle.dumps(rotation))
            assert _process(path, token, str(number), side, repository=repository) == DEATH
            assert _process(path, token, repository=repository) == 0
            _finish(pickle.loads(path.read_bytes()), token, before)  # noqa: S301 -- ours
    return len(drawn)


def _process(path: Path, *arguments: str, repository: Path) -> int:
    command = [sys.executable, "-m", "tests.unit.process", str(path), *arguments]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(["lambda", "tools/conformance", "."]),
    }
    return subprocess.run(command, check=False, cwd=repository, env=environment).returncode


@pytest.mark.slow
@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_new_process_completes_the_rotation_of_a_killed_one(
    subject: str, tmp_path: Path, repository: Path, cases: CountCases
) -> None:
    cases(_in_processes(subject, 30, tmp_path / "state", repository))


@pytest.mark.parametrize("subject", [pytest.param(name, id=name) for name in REGISTRY])
def test_a_new_process_completes_some_rotations_of_killed_ones(
    subject: str, tmp_path: Path, repository: Path, cases: CountCases
) -> None:
    cases(_in_processes(subject, 2, tmp_path / "state", repository))
