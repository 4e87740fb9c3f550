"""Random sequences of rotations, crashes and actions of operators.

`make test` draws the same few; `make test-slow` draws thousands by a seed. The failures that they
found are tests of their own, in this folder.
"""

from __future__ import annotations

import io
import json
import time
from contextlib import redirect_stdout, suppress
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

import handler
from rotation.errors import ConfigurationError, CredentialRejected, ProtocolError, RotationError
from rotation.event import Step
from rotation.settings import ENVIRONMENT_VARIABLE
from rotation.strategies import REGISTRY
from rotation_conformance.account import (
    Killed,
    Side,
    break_answer,
    interpose,
    kill,
    lose_answer,
    refuse,
)
from rotation_conformance.overlap import Overlap
from rotation_conformance.rotator import (
    RETRY_SECONDS,
    NeverConvergedError,
    assert_converged,
    assert_invariants,
    watched,
    works,
)
from rotation_conformance.suite import Shared
from tests.unit.cloud import Cloud, FakeClients
from tests.unit.rotator import Replaced, Try
from tests.unit.services import IamUser
from tests.unit.subject import CONSTANTS
from tests.unit.subjects import EACH_SUBJECT, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation_conformance.account import Trouble
    from tests.campaigns import CountCases

pytestmark = pytest.mark.campaign("Sequences")

_SIDES = st.sampled_from(Side)
_CALLS = st.integers(1, 25)
# The lags that the engine allows.
_LONGEST_LAG = 8
_LAGS = st.sampled_from([0, 4, _LONGEST_LAG])
_SKEWS = st.sampled_from([-4, 0, 4])


class _Context:
    aws_request_id = "request"

    def get_remaining_time_in_millis(self) -> int:
        return 120_000


class _Sequence(RuleBasedStateMachine):
    """One secret, and all that may happen to it."""

    subject: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.rotation = SUBJECTS[self.subject](Cloud())
        self.cloud = self.rotation.cloud
        self.secret = self.rotation.secret
        self.service = self.rotation.service
        # For the known limit in docs/design.md.
        self.replaced = Replaced(self.rotation)
        self.foreign: list[str] = []
        # A version that an operator made AWSPENDING may have a credential that no longer works.
        self.mislabelled = False

    def _try(self, *troubles: Trouble) -> None:
        """Start a rotation, or continue the one that is running."""
        self.cloud.fuse.arm(watched(self.rotation), self.replaced, *troubles)
        with suppress(Killed, RotationError):
            self.rotation.steps(self.rotation.stage())
        self.cloud.fuse.arm()
        self.replaced.delete_orphan()
        self.cloud.time.advance(1)

    @rule()
    def rotate(self) -> None:
        self._try()

    @rule()
    def wait_out_the_overlap(self) -> None:
        self.rotation.wait_out_the_overlap()

    @rule(at=_CALLS, side=_SIDES)
    def rotate_and_die(self, at: int, side: Side) -> None:
        self._try(kill(at, side))

    @rule(at=_CALLS, side=_SIDES)
    def rotate_after_the_overlap_and_die(self, at: int, side: Side) -> None:
        self.rotation.wait_out_the_overlap()
        self._try(kill(at, side))

    @rule(at=_CALLS, fault=st.sampled_from([lose_answer, break_answer]))
    def rotate_and_lose_an_answer(self, at: int, fault: Callable[[int], Trouble]) -> None:
        self.rotation.wait_out_the_overlap()
        self._try(fault(at))

    @rule(at=_CALLS, code=st.sampled_from(["ThrottlingException", "AccessDenied", "SomethingNew"]))
    def rotate_and_be_refused(self, at: int, code: str) -> None:
        self._try(refuse(at, code))

    @rule(at=_CALLS)
    def rotate_and_be_overtaken_by_a_second_delivery(self, at: int) -> None:
        self.rotation.wait_out_the_overlap()
        token = self.rotation.stage()
        self._try(interpose(at, lambda: self.rotation.steps(token)))

    @rule(first=_CALLS, second=_CALLS, third=_CALLS, dies=st.booleans())
    def rotate_while_a_second_delivery_takes_turns(
        self, first: int, second: int, third: int, *, dies: bool
    ) -> None:
        self.rotation.wait_out_the_overlap()
        attempt = Try(self.rotation, self.rotation.stage())
        with Overlap(self.cloud, watched(self.rotation), self.replaced) as overlap:
            one = overlap.add("A", attempt.run)
            other = overlap.add("B", attempt.repeat_step)
            one.run(first)
            other.run(second)
            one.run(first + third)
            other.end() if dies else other.run()
            one.run()
        self.replaced.delete_orphan()
        self.cloud.time.advance(1)

    @rule(steps=st.integers(1, 3))
    def rotate_and_stop_after_some_steps(self, steps: int) -> None:
        token = self.rotation.stage()
        self.cloud.fuse.arm(watched(self.rotation), self.replaced)
        with suppress(RotationError):
            for step in list(Step)[:steps]:
                self.rotation.step(step, token)
        self.cloud.fuse.arm()
        self.replaced.delete_orphan()

    @rule(at=_CALLS)
    def delete_the_secret_within_a_rotation_and_restore_it(self, at: int) -> None:
        self._try(interpose(at, lambda: setattr(self.secret, "deleted", True)))
        self.secret.deleted = False

    @rule(list_lag=_LAGS, quota_lag=_LAGS, ahead=_SKEWS, read_lag=_LAGS)
    def lag(self, list_lag: float, quota_lag: float, ahead: float, read_lag: float) -> None:
        self.cloud.list_lag, self.cloud.quota_lag = list_lag, quota_lag
        self.cloud.iam_ahead, self.cloud.read_lag = ahead, read_lag

    @precondition(lambda self: self.subject in REGISTRY)
    @rule(
        change=st.sampled_from(
            [
                {"ClientRequestToken": "0" * 32},
                {"Step": "deleteSecret"},
                {"SecretId": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:other-Ab12Cd"},
            ]
        ),
        step=st.sampled_from(Step),
    )
    def deliver_a_wrong_event(self, change: dict[str, str], step: Step) -> None:
        """Send an event for a rotation that is over, an unknown step, or another secret."""
        token = self.secret.labels.get("AWSPENDING", self.cloud.new_token())
        event = {"Step": step, "SecretId": self.secret.arn, "ClientRequestToken": token, **change}
        # The second and third step have nothing to do in some families, and do not check the token.
        looks = "ClientRequestToken" not in change or step in {Step.CREATE, Step.FINISH}
        before = self.cloud.snapshot()
        with pytest.raises(ProtocolError) if looks else suppress(ProtocolError):
            self._invoke(event)
        assert self.cloud.snapshot() == before

    def _invoke(self, event: dict[str, str]) -> None:
        name, options, *_ = self.rotation.strategy.args  # type: ignore[attr-defined]  # a partial
        settings = {
            "strategy": name,
            "secret_arn_pattern": f"{self.secret.arn[:-6]}??????",
            "minimum_overlap_minutes": 60,
            "constants": CONSTANTS,
            "options": options,
        }
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
            patch.setenv(ENVIRONMENT_VARIABLE, json.dumps(settings))
            patch.setattr(handler, "_clients", FakeClients(self.cloud))
            patch.setattr(time, "sleep", self.cloud.time.advance)
            self.cloud.fuse.revive()
            handler.lambda_handler(event, _Context())

    def _show_everywhere(self) -> None:
        """Let every read show what an operator did; a rotation within the lag may undo it."""
        self.cloud.time.advance(_LONGEST_LAG)

    @rule()
    def give_up(self) -> None:
        self.rotation.give_up()
        self._show_everywhere()

    @rule()
    def cancel_and_switch_on_again(self) -> None:
        with suppress(RotationError):
            self.rotation.test_only()

    @precondition(lambda self: self.secret.versions)
    @rule(which=st.integers(0, 50))
    def move_the_pending_label(self, which: int) -> None:
        versions = list(self.secret.versions)
        self.secret.attach("AWSPENDING", versions[which % len(versions)])
        self.mislabelled = True
        self._show_everywhere()

    @precondition(lambda self: "AWSPREVIOUS" in self.secret.labels)
    @rule()
    def go_back(self) -> None:
        """Move AWSCURRENT back, if the previous credential still works."""
        if works(self.rotation, "AWSPREVIOUS"):
            self.secret.attach("AWSCURRENT", self.secret.labels["AWSPREVIOUS"])
            self._show_everywhere()

    @precondition(lambda self: self.secret.current_text() is not None)
    @rule(label=st.sampled_from(["AWSCURRENT", "AWSPREVIOUS"]))
    def put_a_value_again(self, label: str) -> None:
        """Put a credential that works."""
        if label in self.secret.labels and works(self.rotation, label):
            self.rotation.put_by_hand(json.dumps(self.secret.value(label)))
            self._show_everywhere()

    @precondition(lambda self: self.secret.current_text() is not None)
    @rule(text=st.sampled_from(["", "not JSON", "[]", "{}"]))
    def put_what_is_none_and_put_it_right(self, text: str) -> None:
        right = str(self.secret.current_text())
        if not works(self.rotation, "AWSCURRENT"):
            return
        self.rotation.put_by_hand(text)
        self._show_everywhere()
        before = self.service.ours()
        with pytest.raises((ConfigurationError, ProtocolError)):
            self.rotation.steps(self.rotation.stage())
        assert self.service.ours() == before
        self.rotation.put_by_hand(right)
        self._show_everywhere()

    @precondition(lambda self: isinstance(self.service, Shared))
    @rule()
    def add_a_foreign_credential(self) -> None:
        """Add it a minute before and after any try, outside of the known limit."""
        self.cloud.time.advance(RETRY_SECONDS)
        assert isinstance(self.service, Shared)
        made = self.service.add_foreign()
        self.foreign += [made] if made else []
        self.cloud.time.advance(RETRY_SECONDS)

    @precondition(lambda self: self.foreign)
    @rule()
    def remove_a_foreign_credential(self) -> None:
        assert isinstance(self.service, Shared)
        self.service.remove_foreign(self.foreign.pop())

    @precondition(lambda self: isinstance(self.service, IamUser) and self.secret.labels)
    @rule()
    def put_a_key_of_an_operator(self) -> None:
        """That makes it a credential of this secret."""
        self.cloud.time.advance(RETRY_SECONDS)
        assert isinstance(self.service, IamUser)
        value = self.service.add_adopted()
        if value is not None:
            self.rotation.put_by_hand(json.dumps({**value, **CONSTANTS}))
            self._show_everywhere()

    @precondition(lambda self: isinstance(self.service, IamUser))
    @rule(which=st.integers(0, 1))
    def deactivate_a_key_or_activate_it_again(self, which: int) -> None:
        """Not the current one, because an application uses it."""
        assert isinstance(self.service, IamUser)
        text = self.secret.current_text()
        keys = [key for key in self.service.keys if not text or key.key_id not in text]
        for key in keys[which : which + 1]:
            key.active = not key.active

    @invariant()
    def the_invariants_hold(self) -> None:
        assert_invariants(self.rotation)

    def teardown(self) -> None:
        for key in self.service.keys if isinstance(self.service, IamUser) else ():
            key.active = True
        self.cloud.read_lag = 0
        while self.foreign:
            self.remove_a_foreign_credential()
        # The first ends the running rotation, or cancels an old one. The second rotates.
        try:
            self.rotation.rotate()
        except NeverConvergedError as error:
            if not (self.mislabelled and isinstance(error.last, CredentialRejected)):
                raise
            self.rotation.give_up()
            self.rotation.rotate()
        self.rotation.rotate()
        assert_converged(self.rotation)


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_every_sequence_converges(subject: str, cases: CountCases) -> None:
    cases(_run(subject, hypothesis.settings(max_examples=20, stateful_step_count=20)))


@pytest.mark.slow
@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_thousand_sequences_converge(subject: str, cases: CountCases) -> None:
    cases(_run(subject, hypothesis.settings(max_examples=1000, stateful_step_count=40)))


def _run(subject: str, settings: hypothesis.settings) -> int:
    machine = type(f"Sequence_{subject}", (_Sequence,), {"subject": subject})
    run_state_machine_as_test(machine, settings=settings)
    return settings.max_examples
