"""Two deliveries of one step overlap: each one is suspended at any of its calls and goes on later.

Secrets Manager may deliver a step twice, and Lambda may run both at the same time
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html). A frozen sandbox goes on at
any time before its timeout is over.
"""

from __future__ import annotations

import functools
import itertools
import random
from typing import TYPE_CHECKING

import pytest

from rotation_conformance.account import Side, each_stale, kill, lose_answer, refuse
from rotation_conformance.overlap import Overlap
from rotation_conformance.rotator import RETRY_SECONDS, watched
from rotation_conformance.suite import Shared
from tests.unit.cases import SEED, run_each
from tests.unit.rotator import Replaced, Try, complete
from tests.unit.subjects import TWO_BEGINNINGS, prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rotation_conformance.account import Trouble
    from rotation_conformance.overlap import Delivery
    from tests.campaigns import CountCases
    from tests.unit.rotator import Rotation

pytestmark = pytest.mark.campaign("Kill matrix")

# How many draws there are, and at how many of its calls the first delivery is suspended.
_EACH_SIZE = [
    pytest.param(4, id="some"),
    pytest.param(300, id="many", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("dies", [pytest.param(True, id="dies"), pytest.param(False, id="goes on")])
@pytest.mark.parametrize("most", _EACH_SIZE)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_two_deliveries_of_a_step_may_overlap_at_any_two_calls(
    subject: str, state: str, most: int, cases: CountCases, *, dies: bool
) -> None:
    """The first is suspended before its i-th call while the second runs up to its j-th.

    Then the first, with the steps that follow, runs to its end. After that the second goes on, or
    it never does.
    """

    def case(first_until: int, second_until: int) -> bool:
        rotation = prepared(subject, state)
        return _overlap(rotation, first_until, second_until, dies=dies)

    run_each(case, _pairs(subject, state, most), cases)


@functools.cache
def _pairs(subject: str, state: str, most: int) -> Mapping[str, tuple[int, int]]:
    return {
        f"A {number}, B {until}": (number, until)
        for number in _points(subject, state, most)
        for until in range(1, _points_of_second(subject, state, number) + 1)
    }


def _points_of_second(subject: str, state: str, first_until: int) -> int:
    rotation = prepared(subject, state)
    attempt = Try(rotation, rotation.stage())
    with Overlap(rotation.cloud, Replaced(rotation), issues=rotation.service.issues) as overlap:
        first, second = overlap.add("A", attempt.run), overlap.add("B", attempt.repeat_step)
        first.run(first_until)
        second.run()
    return second.points


def _points(subject: str, state: str, most: int) -> Sequence[int]:
    """Draw some of the calls, or return all; the same SEED draws the same."""
    rotation = prepared(subject, state)
    with Overlap(rotation.cloud) as overlap:
        delivery = overlap.add("A", Try(rotation, rotation.stage()).run)
        delivery.run()
    drawn = random.Random(f"{SEED} {subject} {state}")  # noqa: S311 -- no secret
    return sorted(drawn.sample(range(1, delivery.points + 1), min(most, delivery.points)))


def _overlap(rotation: Rotation, first_until: int, second_until: int, *, dies: bool) -> bool:
    """Return whether this is not the known limit."""
    token, replaced = rotation.stage(), Replaced(rotation)
    attempt = Try(rotation, token)
    with Overlap(
        rotation.cloud, watched(rotation), replaced, issues=rotation.service.issues
    ) as overlap:
        first = overlap.add("A", attempt.run)
        second = overlap.add("B", attempt.repeat_step)
        assert not first.run(first_until)
        assert not second.run(second_until)
        first.run()
        if dies:
            second.end()
        second.run()
        return complete(rotation, token, replaced, succeeded=first.succeeded)


_FAULTS: dict[str, Callable[[], Trouble]] = {
    "killed": lambda: kill("put_secret_value", Side.BEFORE),
    "throttled": lambda: refuse("put_secret_value", "ThrottlingException"),
}


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault) for fault in _FAULTS])
@pytest.mark.parametrize("most", _EACH_SIZE)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_retry_after_a_lost_credential_may_overlap_with_a_second_delivery(
    subject: str, state: str, most: int, fault: str, cases: CountCases
) -> None:
    """The first try issues a credential and stores nothing. The retry comes seconds later."""

    def case(pause: float, until: int) -> bool:
        rotation = prepared(subject, state)
        token, replaced = rotation.stage(), Replaced(rotation)
        with Overlap(
            rotation.cloud, watched(rotation), replaced, issues=rotation.service.issues
        ) as overlap:
            overlap.add("A", Try(rotation, token).run, _FAULTS[fault]()).run()
            rotation.cloud.time.advance(pause)
            retry = Try(rotation, token)
            first = overlap.add("retry", retry.run)
            second = overlap.add("B", retry.repeat_step)
            reached = not first.run(until)
            second.run()
            first.run()
            closed = complete(rotation, token, replaced, succeeded=first.succeeded)
        return reached and closed

    points = _points(subject, state, most)
    each = {
        f"{pause} s, retry {until}": (pause, until) for pause in (1, 10, 45) for until in points
    }
    run_each(case, each, cases)


@pytest.mark.parametrize("then", [pytest.param(then, id=then) for then in ("goes on", "dies")])
@pytest.mark.parametrize("most", _EACH_SIZE)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_a_second_delivery_may_read_what_is_stale(
    subject: str, state: str, most: int, then: str, cases: CountCases
) -> None:
    """The first is suspended before its i-th call. The second does not see what it has done."""

    def case(until: int, lag: float) -> bool:
        rotation = prepared(subject, state)
        token, replaced = rotation.stage(), Replaced(rotation)
        # RotateSecret was seconds ago, so that the second sees the label.
        rotation.cloud.time.advance(lag)
        attempt = Try(rotation, token)
        with Overlap(
            rotation.cloud, watched(rotation), replaced, issues=rotation.service.issues
        ) as overlap:
            first = overlap.add("A", attempt.run)
            stale = each_stale(rotation.cloud, itertools.repeat(lag))
            second = overlap.add("B", attempt.repeat_step, stale)
            reached = not first.run(until)
            second.run()
            if then == "goes on":
                first.run()
            first.end()
            rotation.cloud.read_lag = 0
            closed = complete(rotation, token, replaced, succeeded=first.succeeded)
        return reached and closed

    points = _points(subject, state, most)
    each = {f"A {until}, {lag} s": (until, lag) for until in points for lag in (2.0, 10.0)}
    run_each(case, each, cases)


@pytest.mark.parametrize("most", _EACH_SIZE)
@pytest.mark.parametrize(("subject", "state"), TWO_BEGINNINGS)
def test_drawn_overlaps_converge(subject: str, state: str, most: int, cases: CountCases) -> None:
    """Two deliveries take turns; either may die, fail or read what is stale. So may the retry."""

    def case(number: int) -> bool:
        drawn = random.Random(f"{SEED} {subject} {state} {number}")  # noqa: S311 -- no secret
        return _Drawn(prepared(subject, state), drawn).run()

    run_each(case, {f"draw {number}": (number,) for number in range(most)}, cases)


class _Drawn:
    """A rotation whose deliveries overlap as drawn."""

    def __init__(self, rotation: Rotation, drawn: random.Random) -> None:
        self._rotation = rotation
        self._drawn = drawn
        self._token = rotation.stage()
        self._replaced = Replaced(rotation)
        self._overlap = Overlap(
            rotation.cloud, watched(rotation), self._replaced, issues=rotation.service.issues
        )

    def run(self) -> bool:
        cloud, service = self._rotation.cloud, self._rotation.service
        cloud.list_lag = self._drawn.choice([0, 0, 4, 8])
        made = service.add_foreign() if isinstance(service, Shared) and self._maybe(0.2) else None
        cloud.time.advance(RETRY_SECONDS)
        with self._overlap as overlap:
            try:
                succeeded = self._try("1")
                if not succeeded:
                    cloud.time.advance(self._drawn.choice([1, 5, 15, 45, RETRY_SECONDS]))
                    succeeded = self._try("2")
                # A delivery that is still suspended never goes on.
            finally:
                overlap.end()
            cloud.read_lag = cloud.list_lag = 0
            if made:
                assert isinstance(service, Shared)
                service.remove_foreign(made)
            return complete(self._rotation, self._token, self._replaced, succeeded=succeeded)

    def _try(self, name: str) -> bool:
        attempt = Try(self._rotation, self._token)
        first = self._add(f"A{name}", attempt.run)
        second = self._add(f"B{name}", attempt.repeat_step)
        first.run(self._drawn.randint(1, 16))
        for _ in range(self._drawn.randint(1, 6)):
            one = self._drawn.choice([first, second])
            one.run(one.points + self._drawn.randint(1, 8))
            if self._maybe(0.2):
                self._rotation.cloud.time.advance(self._drawn.choice([1, 10, 40]))
        rest = self._drawn.choice([[first, second], [second, first], [first]])
        for one in rest:
            one.run()
        return first.succeeded

    def _add(self, name: str, work: Callable[[], object]) -> Delivery:
        at, cloud = self._drawn.randint(1, 16), self._rotation.cloud
        troubles = [
            *([each_stale(cloud, self._lags())] if self._maybe(0.5) else []),
            *([self._drawn.choice(_TROUBLES)(at)] if self._maybe(0.4) else []),
        ]
        return self._overlap.add(name, work, *troubles)

    def _lags(self) -> Iterator[float]:
        longest = self._drawn.choice([2, 10])
        while True:
            yield self._drawn.uniform(0, longest)

    def _maybe(self, chance: float) -> bool:
        return self._drawn.random() < chance


_TROUBLES: list[Callable[[int], Trouble]] = [
    lambda at: kill(at, Side.BEFORE),
    lambda at: kill(at, Side.AFTER),
    lambda at: refuse(at, "ThrottlingException"),
    lose_answer,
]
