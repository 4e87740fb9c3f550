"""Promise 3, deployed: any call of a rotation may fail, and the rotation still completes.

The function is the package that Terraform made, under its role. It calls the local AWS through a
proxy; the local GitHub itself makes calls to GitHub fail. A call fails in all attempts of the SDK;
then Secrets Manager tries the rotation again.
"""

import os
import random
from typing import Final

import pytest

from testing.harness.account import eventually
from tests.campaigns import CountCases
from tests.faults.proxy import Fault, Proxy
from tests.faults.rotations import failures, rotate, rotate_with_fault
from tests.load.account import Account
from tests.load.deployment import Deployed, original
from tests.strategies import ROTATORS, SAMPLE, RotatorUnderTest, case

# The load tests use the same deployment.
pytestmark = [pytest.mark.campaign("Faults"), pytest.mark.xdist_group("load")]

_SEED: Final = os.environ.get("SEED", "0")
_LASTING: Final = [fault for fault in Fault if fault is not Fault.SILENT]


def _original(account: Account, strategy: RotatorUnderTest) -> Deployed:
    return original(account.aws, strategy, account.outputs[strategy.name])


def _clean(account: Account, between: Proxy, deployed: Deployed) -> list[str]:
    between.strike(None)
    assert rotate(account, deployed) == []
    return between.calls


@pytest.mark.parametrize(
    ("strategy", "operation", "fault"),
    [
        case(
            strategy,
            operation,
            fault,
            id=f"{strategy.name}-{operation}-{fault}",
            marks=[] if strategy in SAMPLE else [pytest.mark.slow],
        )
        for strategy in ROTATORS
        for operation, fault in strategy.faults.items()
    ],
)
def test_a_rotation_completes_after_a_fault(
    strategy: RotatorUnderTest, operation: str, fault: Fault, account: Account, between: Proxy
) -> None:
    rotate_with_fault(account, between, _original(account, strategy), operation, fault)


def test_each_class_of_fault_is_met() -> None:
    assert all(strategy.faults for strategy in ROTATORS)
    assert {fault for one in SAMPLE for fault in one.faults.values()} == {*Fault}


@pytest.mark.slow
@pytest.mark.parametrize("fault", _LASTING)
@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_a_rotation_completes_after_a_fault_of_any_call(
    strategy: RotatorUnderTest, fault: Fault, account: Account, between: Proxy, cases: CountCases
) -> None:
    deployed = _original(account, strategy)
    calls = len(_clean(account, between, deployed))
    for number in range(1, calls + 1):
        rotate_with_fault(account, between, deployed, number, fault)
    cases(calls)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_a_rotation_completes_after_a_silence(
    strategy: RotatorUnderTest, account: Account, between: Proxy
) -> None:
    """Only some calls, because each silence takes three of the SDK's timeouts."""
    deployed = _original(account, strategy)
    calls = _clean(account, between, deployed)
    draw = random.Random(f"{_SEED} {strategy.name}")  # noqa: S311 -- not for a secret
    for number in draw.sample(range(1, len(calls) + 1), 3):
        rotate_with_fault(account, between, deployed, number, Fault.SILENT)


@pytest.mark.parametrize(
    ("strategy", "request_", "carried_out"),
    [
        case(
            strategy,
            request,
            carried_out,
            id=f"{strategy.name}-{request.replace(' /', '-').replace('/', '.')}-{carried_out}",
            # A retry waits for a minute, until no other invocation may store the lost key.
            marks=[pytest.mark.slow],
        )
        for strategy in ROTATORS
        for request in strategy.github_requests
        for carried_out in (False, True)
    ],
)
def test_a_rotation_completes_after_a_lost_response_of_github(
    strategy: RotatorUnderTest,
    request_: str,
    *,
    carried_out: bool,
    account: Account,
    between: Proxy,
) -> None:
    between.strike(None)
    deployed = _original(account, strategy)
    # No application sends requests meanwhile, so the lost response is the function's.
    account.github.lose_response(request_, carried_out=carried_out)
    deployed.secret.rotate_and_wait()
    assert not account.github.is_lost(request_, carried_out=carried_out), "No such request was sent"
    deployed.require_converged(account.aws)


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS if one.github_requests])
@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"outage": 503}, id="unavailable"),
        pytest.param({"secondary_limit": True, "secondary_retry_after": 1}, id="throttled"),
    ],
)
@pytest.mark.slow
def test_a_rotation_completes_after_an_outage_of_github(
    strategy: RotatorUnderTest, switches: dict[str, object], account: Account, between: Proxy
) -> None:
    between.strike(None)
    deployed = _original(account, strategy)
    with account.github.switched(**switches):
        rotation = deployed.secret.rotate()
        eventually("The failure", lambda: failures(account, deployed, rotation))
    deployed.secret.wait_for(rotation)
    assert set(failures(account, deployed, rotation)) == {"ServiceUnavailable"}
