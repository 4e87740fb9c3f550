"""The number of AWS calls of a clean rotation, and the steps without any call."""

from __future__ import annotations

import pytest

from rotation.event import Step
from tests.unit.cloud import FakeClients
from tests.unit.subjects import FEW_SLOTS, GENERATOR, STATES, prepared


def test_a_generator_needs_six_calls() -> None:
    rotation = prepared(GENERATOR, "steady")
    rotation.steps(rotation.stage())
    assert rotation.cloud.fuse.calls == [
        *("describe_secret", "get_secret_value", "get_secret_value", "put_secret_value"),
        *("describe_secret", "update_secret_version_stage"),
    ]


def test_a_key_needs_fourteen_calls_in_its_steady_state() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.steps(rotation.stage())
    calls = rotation.cloud.fuse.calls
    polls = calls.count("get_caller_identity")
    assert len(calls) - polls + 1 <= 14


@pytest.mark.parametrize("state", [pytest.param(state, id=state) for state in STATES])
@pytest.mark.parametrize(
    ("subject", "most"),
    [pytest.param(GENERATOR, 6, id="generator"), pytest.param(FEW_SLOTS, 15, id="issuer")],
)
def test_no_state_needs_many_more_calls(subject: str, most: int, state: str) -> None:
    rotation = prepared(subject, state)
    rotation.steps(rotation.stage())
    calls = rotation.cloud.fuse.calls
    assert len(calls) - calls.count("get_caller_identity") <= most


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
