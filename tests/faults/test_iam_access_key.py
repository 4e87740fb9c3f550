"""Faults that only the rotation of an IAM user's keys can show."""

from collections.abc import Callable

import pytest

from testing.harness.account import eventually, is_accepted
from tests.faults.proxy import LATE_SECONDS, Fault, Proxy
from tests.faults.rotations import failures, rotate_with_fault
from tests.load.account import Account
from tests.load.deployment import Deployed, original
from tests.strategies.iam_access_key import STRATEGY

pytestmark = [pytest.mark.campaign("Faults"), pytest.mark.xdist_group("load")]


@pytest.fixture
def deployed(account: Account) -> Deployed:
    return original(account.aws, STRATEGY, account.outputs[STRATEGY.name])


def test_a_function_that_runs_out_of_time_stops_before_it_issues(
    account: Account, between: Proxy, deployed: Deployed
) -> None:
    """It never issues a key that it could not store, and the next attempt completes."""
    functions, configured = account.aws.client("lambda"), {"FunctionName": deployed.function_name}
    before = functions.get_function_configuration(**configured)["Timeout"]
    # Four calls come before the one that issues, which requires 43 s.
    functions.update_function_configuration(**configured, Timeout=43 + int(4 * LATE_SECONDS) - 1)
    try:
        between.strike_all(Fault.LATE)
        rotation = deployed.secret.rotate()
        eventually("The failure", lambda: failures(account, deployed, rotation))
        assert failures(account, deployed, rotation)[0] == "OutOfTime"
        assert "CreateAccessKey" not in between.calls
    finally:
        between.strike(None)
        functions.update_function_configuration(**configured, Timeout=before)
    deployed.secret.retry_and_wait(rotation)
    deployed.require_converged(account.aws)


def _propagation(seconds: float) -> dict[str, float]:
    return {"key_propagation_seconds": seconds}


def _reading(seconds: float) -> dict[str, float]:
    return {"secret_read_lag_seconds": seconds}


def _listing(seconds: float) -> dict[str, float]:
    return {"key_listing_seconds": seconds}


@pytest.mark.parametrize(
    ("lag", "seconds"),
    [
        pytest.param(_propagation, 1),
        pytest.param(_reading, 2),
        pytest.param(_propagation, 10, marks=pytest.mark.slow),
        pytest.param(_propagation, 30, marks=pytest.mark.slow),
        pytest.param(_listing, 5, marks=pytest.mark.slow),
    ],
)
def test_a_rotation_waits_until_iam_knows_the_new_key(
    lag: Callable[[float], dict[str, float]],
    seconds: float,
    account: Account,
    between: Proxy,
    deployed: Deployed,
) -> None:
    with account.aws.switched(**lag(seconds)):
        # The current key must be old enough first.
        eventually("The key", lambda: is_accepted(account.aws, deployed.secret.value()))
        # The response that stores the new key is lost, so the list must show an orphan, too.
        rotate_with_fault(account, between, deployed, "PutSecretValue", Fault.UNAVAILABLE)
