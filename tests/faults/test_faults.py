"""Promise 3, deployed: each call of a rotation is spoilt, and the rotation comes to its end.

The function is the package that Terraform made, under its role. It reaches the local AWS through a
proxy; GitHub's calls are spoilt by the local GitHub itself. A spoilt call stays so for all attempts
of the SDK; then Secrets Manager tries the rotation again.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from rotation import errors
from rotation.strategies import REGISTRY
from testing.harness.account import Rotation, eventually, is_accepted, step_records
from tests.campaigns import CountCases
from tests.faults.proxy import LATE_SECONDS, Fault, Proxy, proxy
from tests.load.account import Account
from tests.load.subjects import Deployed, original, package

# One deployment serves the load, too.
pytestmark = [pytest.mark.campaign("Faults"), pytest.mark.xdist_group("load")]

_SEED: Final = os.environ.get("SEED", "0")
# Whatever may be told of a failure.
_NAMES: Final = {name for name, value in vars(errors).items() if isinstance(value, type)}


@pytest.fixture(scope="module")
def between(account: Account) -> Iterator[Proxy]:
    """The proxy, with every function behind it."""
    aws = account.aws
    functions = aws.client("lambda")

    def restart() -> None:
        for name in REGISTRY:
            function = original(aws, name, account.outputs[name]).function_name
            functions.update_function_code(FunctionName=function, ZipFile=package(aws, function))

    with proxy(account.aws.environment["AWS_ENDPOINT_URL"]) as made:
        with aws.switched(function_endpoint_url=made.url):
            restart()
            # From now on there are two credentials, and a rotation has to make room.
            for name in REGISTRY:
                original(aws, name, account.outputs[name]).secret.rotate_and_wait()
            yield made
        restart()


def _failures(account: Account, deployed: Deployed, rotation: Rotation) -> list[str]:
    name = f"/aws/lambda/{deployed.function_name}"
    return [
        record["error"]
        for record in step_records(account.aws, name)
        if record.get("version_id") == rotation.token and record["outcome"] == "failed"
    ]


def _rotate(account: Account, deployed: Deployed) -> list[str]:
    """Rotate while an application uses the secret, and return the errors on the way."""
    rotation = deployed.secret.rotate()

    def rotated() -> bool:
        deployed.send()
        return deployed.secret.has_rotated(rotation)

    eventually("The rotation", rotated)
    deployed.require_converged(account.aws)
    return _failures(account, deployed, rotation)


def _clean(account: Account, between: Proxy, deployed: Deployed) -> list[str]:
    between.strike(None)
    assert _rotate(account, deployed) == []
    return between.calls


def _spoil(
    account: Account, between: Proxy, deployed: Deployed, which: int | str, fault: Fault
) -> None:
    between.strike(which, fault)
    failures = _rotate(account, deployed)
    assert between.struck > 0
    assert set(failures) <= _NAMES - {"InternalError", "RotationError"}
    if fault is Fault.LATE:
        assert failures == []


_LASTING: Final = [fault for fault in Fault if fault is not Fault.SILENT]
# Each class of fault once, on calls that matter most.
_FAST: Final[Mapping[str, Mapping[str, Fault]]] = {
    "custom": {"GetSecretValue": Fault.UNAVAILABLE},
    "github_app_token": {"Sign": Fault.UNAVAILABLE, "GetSecretValue": Fault.SKEWED},
    "github_deploy_key": {"PutSecretValue": Fault.RESET},
    "iam_access_key": {
        "CreateAccessKey": Fault.SILENT,
        "DeleteAccessKey": Fault.BROKEN,
        "ListAccessKeys": Fault.LATE,
        "PutSecretValue": Fault.TRUNCATED,
        "TagResource": Fault.THROTTLED,
    },
    "iam_service_credential": {
        "CreateServiceSpecificCredential": Fault.RESET,
        "DeleteServiceSpecificCredential": Fault.BROKEN,
    },
    "random_value": {"UpdateSecretVersionStage": Fault.RESET, "PutSecretValue": Fault.BROKEN},
}
assert set(REGISTRY) == _FAST.keys(), "Every strategy meets faults."


@pytest.mark.parametrize(
    ("name", "operation", "fault"),
    [
        pytest.param(name, operation, fault, id=f"{name}-{operation}-{fault}")
        for name, faults in _FAST.items()
        for operation, fault in faults.items()
    ],
)
def test_a_rotation_outlives_a_fault(
    name: str, operation: str, fault: Fault, account: Account, between: Proxy
) -> None:
    _spoil(account, between, original(account.aws, name, account.outputs[name]), operation, fault)


def test_each_class_of_fault_is_met() -> None:
    assert {fault for faults in _FAST.values() for fault in faults.values()} == {*Fault}


@pytest.mark.slow
@pytest.mark.parametrize("fault", _LASTING)
@pytest.mark.parametrize("name", REGISTRY)
def test_a_rotation_outlives_a_fault_of_every_call(
    name: str, fault: Fault, account: Account, between: Proxy, cases: CountCases
) -> None:
    deployed = original(account.aws, name, account.outputs[name])
    calls = len(_clean(account, between, deployed))
    for number in range(1, calls + 1):
        _spoil(account, between, deployed, number, fault)
    cases(calls)


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRY)
def test_a_rotation_outlives_a_silence(name: str, account: Account, between: Proxy) -> None:
    """Some calls, since each silence lasts for three of the SDK's time-outs."""
    deployed = original(account.aws, name, account.outputs[name])
    calls = _clean(account, between, deployed)
    draw = random.Random(f"{_SEED} {name}")  # noqa: S311 -- no secret
    for number in draw.sample(range(1, len(calls) + 1), 3):
        _spoil(account, between, deployed, number, Fault.SILENT)


# The requests of a clean rotation, as GitHub's description names them.
_REQUESTS: Final[Mapping[str, tuple[str, ...]]] = {
    "github_app_token": (
        "POST /app/installations/{installation_id}/access_tokens",
        "GET /installation/repositories",
    ),
    "github_deploy_key": (
        "POST /app/installations/{installation_id}/access_tokens",
        "GET /repos/{owner}/{repo}/keys",
        "POST /repos/{owner}/{repo}/keys",
        "GET /repos/{owner}/{repo}/keys/{key_id}",
        "DELETE /repos/{owner}/{repo}/keys/{key_id}",
    ),
}


@pytest.mark.parametrize(
    ("name", "request_", "carried_out"),
    [
        pytest.param(
            name,
            request,
            carried_out,
            id=f"{name}-{request.replace(' /', '-').replace('/', '.')}-{carried_out}",
            marks=[] if carried_out and request.startswith("POST /repos") else [pytest.mark.slow],
        )
        for name, requests in _REQUESTS.items()
        for request in requests
        for carried_out in (False, True)
    ],
)
def test_a_rotation_outlives_an_answer_of_github_that_is_lost(
    name: str, request_: str, *, carried_out: bool, account: Account, between: Proxy
) -> None:
    between.strike(None)
    deployed = original(account.aws, name, account.outputs[name])
    # No application asks in the meantime: it is the function whose answer is lost.
    account.github.lose_answer(request_, carried_out=carried_out)
    deployed.secret.rotate_and_wait()
    assert not account.github.is_lost(request_, carried_out=carried_out), "It was not asked."
    deployed.require_converged(account.aws)


@pytest.mark.parametrize("name", _REQUESTS)
@pytest.mark.parametrize(
    "switches",
    [
        pytest.param({"outage": 503}, id="unavailable"),
        pytest.param({"secondary_limit": True, "secondary_retry_after": 1}, id="throttled"),
    ],
)
@pytest.mark.slow
def test_a_rotation_outlives_an_outage_of_github(
    name: str, switches: dict[str, object], account: Account, between: Proxy
) -> None:
    between.strike(None)
    deployed = original(account.aws, name, account.outputs[name])
    with account.github.switched(**switches):
        rotation = deployed.secret.rotate()
        eventually("The failure", lambda: _failures(account, deployed, rotation))
    deployed.secret.wait_for(rotation)
    assert set(_failures(account, deployed, rotation)) == {"ServiceUnavailable"}


def test_a_function_that_runs_out_of_time_stops_before_it_issues(
    account: Account, between: Proxy
) -> None:
    """Nothing is issued that could not be stored, and the next try ends the rotation."""
    deployed = original(account.aws, "iam_access_key", account.outputs["iam_access_key"])
    functions, configured = account.aws.client("lambda"), {"FunctionName": deployed.function_name}
    before = functions.get_function_configuration(**configured)["Timeout"]
    # Four calls stand before the one that issues, and 43 s have to be left.
    functions.update_function_configuration(**configured, Timeout=43 + int(4 * LATE_SECONDS) - 1)
    try:
        between.strike_all(Fault.LATE)
        rotation = deployed.secret.rotate()
        eventually("The failure", lambda: _failures(account, deployed, rotation))
        assert _failures(account, deployed, rotation)[0] == "OutOfTime"
        assert "CreateAccessKey" not in between.calls
    finally:
        between.strike(None)
        functions.update_function_configuration(**configured, Timeout=before)
    deployed.secret.retry_and_wait(rotation)
    deployed.require_converged(account.aws)


def _propagation(seconds: float) -> dict[str, float]:
    return {"key_propagation_seconds": seconds}


def _listing(seconds: float) -> dict[str, float]:
    return {"key_listing_seconds": seconds}


@pytest.mark.parametrize(
    ("lag", "seconds"),
    [
        pytest.param(_propagation, 1),
        pytest.param(_propagation, 10, marks=pytest.mark.slow),
        pytest.param(_propagation, 30, marks=pytest.mark.slow),
        pytest.param(_listing, 5, marks=pytest.mark.slow),
    ],
)
def test_a_rotation_waits_for_what_iam_does_not_know_yet(
    lag: Callable[[float], dict[str, float]], seconds: float, account: Account, between: Proxy
) -> None:
    deployed = original(account.aws, "iam_access_key", account.outputs["iam_access_key"])
    with account.aws.switched(**lag(seconds)):
        # The current key has to be old enough first.
        eventually("The key", lambda: is_accepted(account.aws, deployed.secret.value()))
        # The answer of the new key is lost, so that an orphan is looked for in the list, too.
        _spoil(account, between, deployed, "PutSecretValue", Fault.UNAVAILABLE)
