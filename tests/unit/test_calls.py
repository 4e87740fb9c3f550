"""The number of AWS calls of a clean rotation, and the steps without any call."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from rotation.event import Step
from tests.unit.cloud import FakeClients
from tests.unit.subjects import FEW_SLOTS, GENERATOR, STATES, prepared

if TYPE_CHECKING:
    from tests.unit.rotator import Rotation


def test_a_generator_needs_seven_calls() -> None:
    rotation = prepared(GENERATOR, "steady")
    rotation.steps(rotation.stage())
    assert rotation.cloud.fuse.calls == [
        *("get_secret_value", "get_secret_value", "describe_secret", "put_secret_value"),
        *("describe_secret", "get_secret_value", "update_secret_version_stage"),
    ]


def test_a_key_needs_sixteen_calls_in_its_steady_state() -> None:
    """Each polls once in testSecret, until the settling time is over, and in finishSecret."""
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.steps(rotation.stage())
    assert len(rotation.cloud.fuse.calls) - _polls(rotation) == 16


def _polls(rotation: Rotation) -> int:
    """Return the number of repetitions of the same verification."""
    return sum(
        earlier == later == "get_caller_identity"
        for earlier, later in pairwise(rotation.cloud.fuse.calls)
    )


@pytest.mark.parametrize("state", [pytest.param(state, id=state) for state in STATES])
@pytest.mark.parametrize(
    ("subject", "most"),
    [pytest.param(GENERATOR, 7, id="generator"), pytest.param(FEW_SLOTS, 19, id="issuer")],
)
def test_no_state_needs_many_more_calls(subject: str, most: int, state: str) -> None:
    rotation = prepared(subject, state)
    rotation.steps(rotation.stage())
    assert len(rotation.cloud.fuse.calls) - _polls(rotation) <= most


@pytest.mark.parametrize(
    ("subject", "step"),
    [
        pytest.param(GENERATOR, Step.SET, id="generator-set"),
        pytest.param(GENERATOR, Step.TEST, id="generator-test"),
        pytest.param(FEW_SLOTS, Step.SET, id="issuer-set"),
    ],
)
def test_a_step_with_nothing_to_do_makes_no_call_and_no_client(subject: str, step: Step) -> None:
    rotation = prepared(subject, "steady")
    token = rotation.stage()
    clients = FakeClients(rotation.cloud)
    rotation.step(step, token, clients=clients)
    assert rotation.cloud.fuse.calls == []
    assert clients.made == []


def test_one_client_verifies_a_key_until_it_is_accepted() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    clients = FakeClients(rotation.cloud)
    rotation.step(Step.TEST, token, clients=clients)
    assert rotation.cloud.fuse.calls.count("get_caller_identity") > 2
    assert clients.made.count("sts") == 1
