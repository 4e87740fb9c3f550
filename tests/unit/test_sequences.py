"""Sequences nobody thought of: rotations, deaths and what people do, in any order.

`make test` draws the same few; `make test-slow` draws thousands by a seed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rotation.errors import RotationError
from rotation.event import Step
from tests.unit.cloud import Cloud, Killed, Side, kill, lose_answer, refuse
from tests.unit.rotator import (
    RETRY_SECONDS,
    assert_converged,
    assert_current_works,
    assert_foreign_untouched,
)
from tests.unit.subjects import SUBJECTS, USER

if TYPE_CHECKING:
    from tests.unit.cloud import Key, Trouble

_SIDES = st.sampled_from(Side)
_CALLS = st.integers(1, 25)


class _Sequence(RuleBasedStateMachine):
    """One secret, and everything that may happen to it."""

    subject: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.rotation = SUBJECTS[self.subject](Cloud())
        self.cloud = self.rotation.cloud
        self.secret = self.rotation.secret
        self.foreign: list[Key] = []

    def _try(self, *troubles: Trouble) -> None:
        """Begin a rotation, or go on with the one that is under way."""
        self.cloud.fuse.arm(*troubles)
        with suppress(Killed, RotationError):
            self.rotation.steps(self.rotation.stage())
        self.cloud.fuse.arm()
        # Beyond the time in which a key of somebody else could be taken for an orphan.
        self.cloud.time.advance(self.rotation.timeout + RETRY_SECONDS)

    @rule()
    def rotate(self) -> None:
        self._try()

    @rule()
    def rotate_after_the_overlap(self) -> None:
        self.rotation.wait_out_the_overlap()
        self._try()

    @rule(at=_CALLS, side=_SIDES)
    def rotate_and_die(self, at: int, side: Side) -> None:
        self.rotation.wait_out_the_overlap()
        self._try(kill(at, side))

    @rule(at=_CALLS)
    def rotate_and_lose_an_answer(self, at: int) -> None:
        self.rotation.wait_out_the_overlap()
        self._try(lose_answer(at))

    @rule(at=_CALLS, code=st.sampled_from(["ThrottlingException", "AccessDenied", "SomethingNew"]))
    def rotate_and_be_refused(self, at: int, code: str) -> None:
        self._try(refuse(at, code))

    @rule(steps=st.integers(1, 3))
    def rotate_and_stop_after_some_steps(self, steps: int) -> None:
        token = self.rotation.stage()
        with suppress(RotationError):
            for step in list(Step)[:steps]:
                self.rotation.step(step, token)

    @rule(step=st.sampled_from(Step))
    def deliver_a_step_of_an_unknown_rotation(self, step: Step) -> None:
        before = self.cloud.snapshot()
        with suppress(RotationError):
            self.rotation.step(step, self.cloud.new_token())
        assert self.cloud.snapshot() == before

    @rule()
    def give_up(self) -> None:
        self.rotation.give_up()

    @precondition(lambda self: "AWSPREVIOUS" in self.secret.labels)
    @rule()
    def go_back(self) -> None:
        """Move AWSCURRENT back, where what it held still works."""
        if self.rotation.works(self.secret.value("AWSPREVIOUS")):
            self.secret.attach("AWSCURRENT", self.secret.labels["AWSPREVIOUS"])

    @precondition(lambda self: self.secret.current_text() is not None)
    @rule()
    def put_the_current_value_again(self) -> None:
        self.rotation.put_by_hand(str(self.secret.current_text()))

    @precondition(lambda self: USER in self.cloud.users and len(self.cloud.users[USER]) < 2)
    @rule()
    def add_a_foreign_key(self) -> None:
        self.foreign.append(self.cloud.add_key(USER))
        self.cloud.time.advance(RETRY_SECONDS)

    @precondition(lambda self: self.foreign)
    @rule()
    def remove_a_foreign_key(self) -> None:
        self.cloud.users[USER].remove(self.foreign.pop())

    @invariant()
    def no_foreign_key_was_touched(self) -> None:
        assert_foreign_untouched(self.rotation)

    @invariant()
    def what_is_current_works(self) -> None:
        # The first value of a secret is public before a service was told of it, and Secrets
        # Manager may be told to stop there.
        if self.subject != "database_password":
            assert_current_works(self.rotation)

    def teardown(self) -> None:
        while self.foreign:
            self.remove_a_foreign_key()
        # One ends what is under way, or withdraws what is over; the other rotates.
        self.rotation.rotate()
        self.rotation.rotate()
        assert_converged(self.rotation)


@pytest.mark.parametrize("subject", [pytest.param(name, id=name) for name in SUBJECTS])
def test_every_sequence_converges(subject: str) -> None:
    _run(subject, hypothesis.settings(max_examples=60, stateful_step_count=20))


@pytest.mark.slow
@pytest.mark.parametrize("subject", [pytest.param(name, id=name) for name in SUBJECTS])
def test_thousands_of_sequences_converge(subject: str) -> None:
    _run(subject, hypothesis.settings(max_examples=2000, stateful_step_count=40))


def _run(subject: str, settings: hypothesis.settings) -> None:
    machine = type(f"Sequence_{subject}", (_Sequence,), {"subject": subject})
    run_state_machine_as_test(machine, settings=settings)
