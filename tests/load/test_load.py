"""Rotates many secrets, and one secret many times, while an application uses their values.

The local AWS differs from AWS:

- All services are one process, in which the calls of all functions queue.
- A function is a process on this machine, and stays warm until it is deployed again.
- Four rotations run at a time.
- Throttled calls are chosen at random, not by a quota.
- AWS requires ten minutes between two values of a secret. It keeps the versions of the last day and
  a hundred older ones; here all versions count as older.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.harness.account import NeverHappenedError, messages
from tests.campaigns import CountCases
from tests.load.account import LARGE_FLEET, Account, OneSession
from tests.load.application import Application, application
from tests.load.deployment import Deployed, copies, deploy, original, package
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = [pytest.mark.campaign("Load"), pytest.mark.xdist_group("load")]

_THROTTLED = {"throttled_share": 0.1, "throttling_seed": int(os.environ.get("SEED", "0"))}
# If also the call that takes the record back is throttled three times, a retry waits two minutes.
_PATIENCE_SECONDS = 300
# AWSCURRENT, AWSPREVIOUS, and the one that lost its label after the last was put.
_VERSIONS = 100 + 3
_GROWTH = 1.25
# `make test` rotates the secret of one strategy a few times. Many are more than AWS keeps versions.
_FEW, _MANY = 15, 200


@pytest.mark.parametrize(
    ("size", "batch"),
    [
        pytest.param(None, 10, id="one-of-each"),
        pytest.param(LARGE_FLEET, 10, id="many", marks=pytest.mark.slow),
    ],
)
@pytest.mark.strategy
def test_every_secret_converges_while_calls_are_throttled(
    size: int | None, batch: int, account: Account, cases: CountCases
) -> None:
    aws, size = account.aws, size or len(account.rotators)
    made = _in_turn(account, size)
    fleet: list[Deployed] = []
    sent = 0
    with aws.switched(**_THROTTLED):
        while len(fleet) < size:
            some = list(itertools.islice(made, min(batch, size)))
            for one in some:
                one.secret.wait_for_a_value()
            fleet += some
            with (
                application([one.send for one in some], threads=2) as busy,
                application([one.send for one in fleet], threads=1) as calm,
            ):
                for _ in range(2):
                    rotations = [(one.secret, one.secret.rotate()) for one in some]
                    for secret, rotation in rotations:
                        secret.wait_for(rotation)
                    busy.read_again()
                    calm.read_again()
            assert busy.failures + calm.failures == []
            sent += busy.sent + calm.sent
            for one in some:
                # This ends the function's process; AWS ends an idle one.
                aws.client("lambda").update_function_code(
                    FunctionName=one.function_name, ZipFile=package(aws, one.function_name)
                )
    for one in fleet:
        one.require_converged(aws)
    assert len({one.function_name for one in fleet}) == size
    assert sent > size
    cases(size)


def _wait_for_a_value(aws: OneSession, one: Deployed) -> None:
    try:
        one.secret.wait_for_a_value(patience=_PATIENCE_SECONDS)
    except NeverHappenedError as error:
        error.add_note("\n".join(messages(aws, f"/aws/lambda/{one.function_name}")))
        raise


def _in_turn(account: Account, size: int) -> Iterator[Deployed]:
    """Make secrets, one of each strategy in turn."""
    kinds = [
        copies(account.aws, rotator, account.outputs[rotator.name], of=size)
        for rotator in account.rotators
    ]
    return itertools.chain.from_iterable(zip(*kinds, strict=True))


@pytest.mark.parametrize(
    ("strategy", "rotations"),
    [
        case(
            one,
            rotations,
            id=f"{one.name}-{rotations}",
            marks=[] if one.represents_all and rotations == _FEW else [pytest.mark.slow],
        )
        for one in ROTATORS
        for rotations in (_FEW, _MANY)
    ],
)
def test_nothing_grows_with_the_number_of_rotations(
    rotations: int, strategy: RotatorUnderTest, account: Account, cases: CountCases
) -> None:
    aws = account.aws
    one = original(aws, strategy, account.outputs[strategy.name])
    early = rotations // 3
    with (
        aws.switched(version_retention_seconds=0),
        application([one.send], threads=2) as running,
    ):
        _rotate(one, running, early)
        tags, memory = _tags(account, one), _memory(account, one)
        _rotate(one, running, rotations - early)
    assert running.failures == []
    assert running.sent > rotations
    one.require_converged(aws)
    assert _tags(account, one) == tags
    assert _versions(account, one) <= _VERSIONS
    grown = _memory(account, one)
    assert grown.keys() == memory.keys(), "The process of the function has changed."
    assert all(grown[process] < _GROWTH * memory[process] for process in memory)
    cases(rotations)


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy",
    [case(one) for one in ROTATORS if "settling_seconds" in one.load.variables],
)
def test_the_default_settling_waits_until_a_key_is_known_everywhere(
    strategy: RotatorUnderTest, account: Account, cases: CountCases
) -> None:
    aws, rotations = account.aws, 10
    outputs = deploy(
        aws, account.checkout, account.rotators, account.services, without="settling_seconds"
    )
    one = original(aws, strategy, outputs[strategy.name])
    with (
        aws.switched(key_propagation_seconds=2, key_settling_seconds=3),
        application([one.send], threads=2) as running,
    ):
        _rotate(one, running, rotations)
    assert running.failures == []
    one.require_converged(aws)
    cases(rotations)


def _rotate(one: Deployed, running: Application, rotations: int) -> None:
    for _ in range(rotations):
        one.secret.rotate_and_wait()
        running.read_again()


def _tags(account: Account, one: Deployed) -> list[str]:
    described = account.aws.client("secretsmanager").describe_secret(SecretId=one.secret.secret_id)
    return [tag["Key"] for tag in described.get("Tags", [])]


def _versions(account: Account, one: Deployed) -> int:
    """Count the versions, with those without a label."""
    client, found = account.aws.client("secretsmanager"), 0
    page: dict[str, str] = {}
    while True:
        listed = client.list_secret_version_ids(
            SecretId=one.secret.secret_id, IncludeDeprecated=True, **page
        )
        found += len(listed["Versions"])
        if not listed.get("NextToken"):
            return found
        page = {"NextToken": listed["NextToken"]}


def _memory(account: Account, one: Deployed) -> dict[int, int]:
    """The resident memory, in kB, of each process of the function on this local AWS."""
    found = {}
    for process in account.aws.workers(one.function_name):
        status = Path(f"/proc/{process}/status").read_text()
        (line,) = (text for text in status.splitlines() if text.startswith("VmRSS:"))
        found[process] = int(line.split()[1])
    assert found
    return found
