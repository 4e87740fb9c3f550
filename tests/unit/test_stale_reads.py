"""Reads show what was true some seconds earlier: one of them, or all; the rotation converges.

AWS calls Secrets Manager and IAM eventually consistent, and says no more than that a read may be
stale. https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html
"""

from __future__ import annotations

import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest

from rotation.errors import RotationError
from rotation.event import Step
from rotation_conformance.account import Killed, Side, each_stale, kill, refuse, stale
from rotation_conformance.rotator import watched
from tests.unit.cases import SEED, run_each
from tests.unit.rotator import converge
from tests.unit.subjects import TWO_BEGINNINGS, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rotation_conformance.account import Trouble
    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

pytestmark = pytest.mark.campaign("Kill matrix")

# In seconds. The longest is the read lag that the engine allows.
_LAGS = (1.0, 4.0, 10.0)
_EACH_SIZE = [
    pytest.param(10, id="some"),
    pytest.param(500, id="many", marks=pytest.mark.slow),
]


def _once(rotation: Rotation, token: str) -> None:
    rotation.steps(token)


def _twice(rotation: Rotation, token: str) -> None:
    """Deliver each step twice, the second time at once."""
    for step in Step:
        rotation.step(step, token)
        rotation.step(step, token)
    rotation.secret.last_rotated = rotation.cloud.time.now


def _again(rotation: Rotation, token: str) -> None:
    """Repeat the rotation at once if it fails."""
    with suppress(Killed, RotationError):
        rotation.steps(token)
        return
    rotation.steps(token)


_WORK = {"once": _once, "twice": _twice}


@pytest.mark.parametrize("delivered", [pytest.param(name, id=name) for name in _WORK])
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_one_read_may_be_stale(subject: str, state: str, delivered: str, cases: CountCases) -> None:
    def case(number: int, lag: float) -> None:
        rotation = prepared(subject, state)
        _run(rotation, _WORK[delivered], stale(rotation.cloud, number, lag))

    rehearsal = prepared(subject, state)
    _WORK[delivered](rehearsal, rehearsal.stage())
    calls = enumerate(rehearsal.cloud.fuse.calls, start=1)
    each = {
        f"{name}_{number}-{lag}": (number, lag)
        for number, name in calls
        for lag in _LAGS
        if name in {"describe_secret", "get_secret_value"} or name.startswith("list_")
    }
    run_each(case, each, cases)


@pytest.mark.parametrize("most", _EACH_SIZE)
@pytest.mark.parametrize("delivered", [pytest.param(name, id=name) for name in _WORK])
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_all_reads_may_be_stale(
    subject: str, state: str, delivered: str, most: int, cases: CountCases
) -> None:
    def case(number: int) -> None:
        rotation = prepared(subject, state)
        lags = _lags(f"{subject} {state} {delivered} {number}")
        _run(rotation, _WORK[delivered], each_stale(rotation.cloud, lags))

    run_each(case, {f"draw {number}": (number,) for number in range(most)}, cases)


@pytest.mark.parametrize("most", _EACH_SIZE)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_retry_at_once_may_read_what_is_stale(
    subject: str, state: str, most: int, cases: CountCases
) -> None:
    """A call fails, or the process stops, and the retry comes seconds later."""

    def case(number: int) -> None:
        rotation = prepared(subject, state)
        drawn = random.Random(f"{SEED} {subject} {state} retry {number}")  # noqa: S311 -- no secret
        calls = drawn.randint(1, 20)
        trouble = drawn.choice(
            [
                kill(calls, Side.BEFORE),
                kill(calls, Side.AFTER),
                refuse(calls, "ThrottlingException"),
            ]
        )
        lags = each_stale(rotation.cloud, _lags(f"{subject} {state} retry {number}"))
        _run(rotation, partial(_retried, drawn.choice([0.1, 1, 5, 15, 45])), trouble, lags)

    run_each(case, {f"draw {number}": (number,) for number in range(most)}, cases)


def _retried(pause: float, rotation: Rotation, token: str) -> None:
    with suppress(Killed, RotationError):
        rotation.steps(token)
        return
    rotation.cloud.time.advance(pause)
    rotation.steps(token)


def _lags(name: str) -> Iterator[float]:
    """Draw a longest lag, and the lag of each read."""
    drawn = random.Random(f"{SEED} {name}")  # noqa: S311 -- no secret is made
    longest = drawn.choice(_LAGS)
    often = drawn.choice([0.2, 0.6, 1.0])
    while True:
        yield drawn.uniform(0, longest) if drawn.random() < often else 0


def _run(rotation: Rotation, work: Callable[[Rotation, str], None], *troubles: Trouble) -> None:
    rotation.cloud.fuse.arm(watched(rotation), *troubles)
    token = rotation.stage()
    succeeded = False
    with suppress(Killed, RotationError):
        work(rotation, token)
        succeeded = True
    rotation.cloud.read_lag = 0
    converge(rotation, token, succeeded=succeeded)
