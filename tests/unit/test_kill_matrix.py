"""Each call of each rotation is killed, lost, refused or interrupted, and the rotation converges.

The method is that of SQLite: fail at the k-th operation, for every k, until a run finishes.
`make test` crashes the rotation of one strategy of each kind in every state, and of the others in
one. It makes other trouble in two states for one strategy of each kind, and draws some of the cases
with two failures. `make test-slow` runs all.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import pickle
import random
import subprocess
import sys
from collections import Counter
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pytest

from rotation.attempt import TAG
from rotation.errors import RotationError
from rotation.event import Step
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
from tests.unit.cases import SEED, run_each
from tests.unit.process import DEATH
from tests.unit.subjects import (
    BEGINNINGS,
    EACH_SUBJECT,
    FEW_SLOTS,
    SETTER,
    SUBJECTS,
    TWO_BEGINNINGS,
    prepared,
    represents_kind,
    subject_case,
)

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rotation_conformance.account import Trouble
    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

pytestmark = pytest.mark.campaign("Kill matrix")

_SIDES = (Side.BEFORE, Side.AFTER)
# How many of the cases with two failures `make test` draws for each beginning.
_SOME = 20


@functools.cache
def _calls(subject: str, state: str) -> tuple[str, ...]:
    """Return the names of the calls of a clean rotation."""
    rotation = prepared(subject, state)
    rotation.steps(rotation.stage())
    return tuple(rotation.cloud.fuse.calls)


def _numbered(subject: str, state: str) -> Mapping[str, tuple[int]]:
    """Give each call a name that stays the same while no other call is added."""
    seen = Counter[str]()
    numbered = {}
    for number, name in enumerate(_calls(subject, state), start=1):
        seen[name] += 1
        numbered[f"{name}_{seen[name]}"] = (number,)
    return numbered


def _deaths(subject: str, state: str) -> Mapping[str, tuple[int, Side]]:
    """Return all places to stop a process, with a name."""
    each = itertools.product(_numbered(subject, state).items(), _SIDES)
    return {f"{name}-{side}": (number, side) for (name, (number,)), side in each}


def _marks(subject: str, state: str) -> list[pytest.MarkDecorator]:
    """Let `make test` begin in all states for one subject of a kind, and in one for the others."""
    is_fast = represents_kind(subject) or state == "steady"
    return [] if is_fast else [pytest.mark.slow]


_EACH_BEGINNING = [
    subject_case(subject, state, id=f"{subject}-{state}", marks=_marks(subject, state))
    for subject, state in BEGINNINGS
]
_SHARED_BEGINNINGS = [
    beginning
    for beginning, (subject, _) in zip(TWO_BEGINNINGS, BEGINNINGS, strict=True)
    if isinstance(prepared(subject, "empty").service, Shared)
]


def _watched(rotation: Rotation, *troubles: Trouble) -> str | None:
    """Arm the fuse, and check the invariants after each call. Return the current value."""
    rotation.cloud.fuse.arm(watched(rotation), *troubles)
    return rotation.secret.labels.get("AWSCURRENT")


class _Ended:
    """The number of cases of a test that left a credential which expires."""

    number = 0


@pytest.fixture(autouse=True)
def _count_expiring_leftovers(request: pytest.FixtureRequest) -> Iterator[None]:
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


def _drawn(found: list[T], most: int, *names: str) -> list[T]:
    """Draw cases at random; the same SEED draws the same cases."""
    drawn = random.Random(" ".join([SEED, *names]))  # noqa: S311 -- no secret is made
    return drawn.sample(found, min(most, len(found)))


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_a_clean_rotation_converges(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation)
    _finish(rotation, rotation.stage(), before)


@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_the_retry_completes_after_a_crash(subject: str, state: str, cases: CountCases) -> None:
    def case(number: int, side: Side) -> None:
        rotation = prepared(subject, state)
        before = _watched(rotation, kill(number, side))
        token = rotation.stage()
        with pytest.raises(Killed):
            rotation.steps(token)
        _finish(rotation, token, before)

    run_each(case, _deaths(subject, state), cases)


@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_new_rotation_completes_after_a_crash_and_a_cancellation(
    subject: str, state: str, cases: CountCases
) -> None:
    def case(number: int, side: Side) -> None:
        rotation = prepared(subject, state)
        _watched(rotation, kill(number, side))
        with pytest.raises(Killed):
            rotation.steps(rotation.stage())
        rotation.give_up()
        rotation.wait_out_the_overlap()
        _finish(rotation, rotation.stage(), rotation.secret.labels.get("AWSCURRENT"))

    run_each(case, _deaths(subject, state), cases)


@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_crash_while_rotation_is_turned_on_changes_nothing(
    subject: str, state: str, cases: CountCases
) -> None:
    def case(death: Trouble | None) -> None:
        rotation = prepared(subject, state)
        before = _watched(rotation, *filter(None, [death]))
        with pytest.raises(Killed) if death else nullcontext():
            rotation.test_only()
        _finish(rotation, rotation.stage(), before)

    rehearsal = prepared(subject, state)
    rehearsal.test_only()
    calls = enumerate(rehearsal.cloud.fuse.calls, start=1)
    deaths = {
        f"{name}_{number}-{side}": (kill(number, side),)
        for (number, name), side in itertools.product(calls, _SIDES)
    }
    run_each(case, {"alive": (None,), **deaths}, cases)


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


def _die_twice(
    subject: str, state: str, pairs: list[tuple[int, Side, int, Side]], count: CountCases
) -> None:
    def case(number: int, side: Side, later: int, later_side: Side) -> None:
        rotation = prepared(subject, state)
        before = _watched(rotation, kill(number, side), kill(later, later_side))
        _finish(rotation, rotation.stage(), before)

    run_each(case, {" ".join(map(str, pair)): pair for pair in pairs}, count)


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "state"), _EACH_BEGINNING)
def test_the_retry_completes_after_two_crashes(subject: str, state: str, cases: CountCases) -> None:
    _die_twice(subject, state, _pairs(subject, state), cases)


@pytest.mark.parametrize("state", [pytest.param(state, id=state) for state in ("empty", "steady")])
@pytest.mark.parametrize(
    "subject", [subject_case(name) for name in SUBJECTS if represents_kind(name)]
)
def test_the_retry_completes_after_some_pairs_of_crashes(
    subject: str, state: str, cases: CountCases
) -> None:
    _die_twice(subject, state, _drawn(_pairs(subject, state), _SOME, subject, state), cases)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lose_answer, id="unanswered"),
        pytest.param(break_answer, id="broken"),
        pytest.param(repeat, id="repeated"),
    ],
)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_the_retry_completes_after_a_call_without_a_usable_response(
    subject: str, state: str, fault: Callable[[int], Trouble], cases: CountCases
) -> None:
    def case(number: int) -> None:
        rotation = prepared(subject, state)
        # The call that issues has no retries of the SDK.
        issues = _calls(subject, state)[number - 1] == rotation.service.issues
        before = _watched(rotation, (lose_answer if fault is repeat and issues else fault)(number))
        _finish(rotation, rotation.stage(), before)

    run_each(case, _numbered(subject, state), cases)


@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
@pytest.mark.parametrize(
    ("code", "status"),
    [
        # A definite refusal, and an unknown error.
        pytest.param("AccessDeniedException", 400, id="denied"),
        pytest.param("InternalServiceError", 500, id="broken"),
    ],
)
def test_the_retry_completes_after_a_refused_call(
    subject: str, state: str, code: str, status: int, cases: CountCases
) -> None:
    def case(number: int) -> None:
        rotation = prepared(subject, state)
        before = _watched(rotation, refuse(number, code, status=status))
        _finish(rotation, rotation.stage(), before)

    run_each(case, _numbered(subject, state), cases)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda name: refuse(name, "ThrottlingException"), id="throttled"),
        pytest.param(lambda name: refuse(name, "ServiceFailure", status=503), id="broken"),
        pytest.param(lose_answer, id="unanswered"),
    ],
)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_the_retry_completes_when_a_failing_call_works_again(
    subject: str, state: str, fault: Callable[[str], Trouble], cases: CountCases
) -> None:
    def case(name: str) -> None:
        rotation = prepared(subject, state)
        before = _watched(rotation, fault(name))
        token = rotation.stage()
        for _ in range(TRIES):
            # If only the response is lost, the next try may find all done.
            with suppress(RotationError):
                rotation.steps(token)
        _watched(rotation)
        _finish(rotation, token, before)

    run_each(case, {name: (name,) for name in _calls(subject, state)}, cases)


@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_each_step_may_be_delivered_twice(subject: str, state: str) -> None:
    rotation = prepared(subject, state)
    before = _watched(rotation)
    token = rotation.stage()
    for step in Step:
        rotation.step(step, token)
        rotation.step(step, token)
    _finish(rotation, token, before)


@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_second_delivery_may_run_between_two_calls_of_the_first(
    subject: str, state: str, cases: CountCases
) -> None:
    _interpose(subject, state, lambda rotation, token: rotation.steps(token), cases)


@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_second_create_secret_may_run_between_two_calls_of_the_first(
    subject: str, state: str, cases: CountCases
) -> None:
    _interpose(subject, state, lambda rotation, token: rotation.step(Step.CREATE, token), cases)


def _interpose(
    subject: str, state: str, second: Callable[[Rotation, str], object], count: CountCases
) -> None:
    def case(number: int) -> None:
        rotation = prepared(subject, state)
        token = rotation.stage()
        before = _watched(rotation, interpose(number, partial(second, rotation, token)))
        _finish(rotation, token, before)

    run_each(case, _numbered(subject, state), count)


# How the services lag and their clocks differ, within the limits that the engine allows.
_SKIES: dict[str, dict[str, float]] = {
    "late": {"list_lag": 8, "quota_lag": 8},
    "ahead": {"list_lag": 3, "iam_ahead": 4},
    "behind": {"list_lag": 3, "iam_ahead": -4},
}


@pytest.mark.parametrize("sky", [pytest.param(sky, id=sky) for sky in _SKIES])
@pytest.mark.parametrize(
    ("subject", "state"),
    [one for one in TWO_BEGINNINGS if one.values[0] == FEW_SLOTS],
)
def test_a_process_may_crash_while_the_service_lags(
    subject: str, state: str, sky: str, cases: CountCases
) -> None:
    def case(number: int, side: Side) -> None:
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

    run_each(case, _deaths(subject, state), cases)


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


@pytest.mark.parametrize(("subject", "state"), _SHARED_BEGINNINGS)
def test_a_foreign_credential_may_appear_between_any_two_calls(
    subject: str, state: str, cases: CountCases
) -> None:
    def case(at: int) -> None:
        assert _with_foreign(subject, state, at), "no call failed, and the record explains the key"

    run_each(case, _numbered(subject, state), cases)


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


def _appear(subject: str, state: str, found: list[tuple[int, str, int]], count: CountCases) -> None:
    def case(number: int, fault: str, at: int) -> bool:
        return _with_foreign(subject, state, at, _FAULTS[fault](number))

    run_each(case, {" ".join(map(str, one)): one for one in found}, count)


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "state"), _SHARED_BEGINNINGS)
def test_a_foreign_credential_may_appear_where_a_call_fails(
    subject: str, state: str, cases: CountCases
) -> None:
    _appear(subject, state, _with_faults(subject, state), cases)


@pytest.mark.parametrize(("subject", "state"), _SHARED_BEGINNINGS)
def test_a_foreign_credential_may_appear_where_some_call_fails(
    subject: str, state: str, cases: CountCases
) -> None:
    _appear(subject, state, _drawn(_with_faults(subject, state), _SOME, subject, state), cases)


def _in_processes(subject: str, most: int, path: Path, repository: Path, count: CountCases) -> None:
    """End one process of the operating system in a rotation, and complete it in another one."""

    def case(state: str, number: int, side: Side) -> None:
        rotation = prepared(subject, state)
        before = rotation.secret.labels.get("AWSCURRENT")
        token = rotation.stage()
        path.write_bytes(pickle.dumps(rotation))
        assert _process(path, token, str(number), side, repository=repository) == DEATH
        assert _process(path, token, repository=repository) == 0
        _finish(pickle.loads(path.read_bytes()), token, before)  # noqa: S301 -- ours

    deaths = [
        (f"{state}-{name}", (state, *death))
        for known, state in BEGINNINGS
        if known == subject
        for name, death in _deaths(subject, state).items()
    ]
    run_each(case, dict(_drawn(deaths, most, subject)), count)


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
    _in_processes(subject, 30, tmp_path / "state", repository, cases)


@pytest.mark.parametrize("subject", [subject_case(name) for name in (FEW_SLOTS, SETTER)])
def test_a_new_process_completes_some_rotations_of_killed_ones(
    subject: str, tmp_path: Path, repository: Path, cases: CountCases
) -> None:
    _in_processes(subject, 1, tmp_path / "state", repository, cases)
