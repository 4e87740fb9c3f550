"""Many secrets, and one secret many times, while an application uses what they hold.

Of the local AWS rather than of AWS: all services are one process, in which the calls of all
functions queue; a function is a process on this machine and its Python, and stays warm until it is
deployed anew; four rotations run at a time; throttled is who draws the lot, not who exceeds a
quota. AWS wants ten minutes between two values of a secret, and keeps those of the last day beside
a hundred older ones; here all count as older.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaigns import CountCases
from tests.load.account import Account
from tests.load.application import Application, application
from tests.load.subjects import FLEETS, SUBJECTS, Deployed, copies, deploy, original, package

pytestmark = [pytest.mark.campaign("Load"), pytest.mark.xdist_group("load")]

_THROTTLED = {"throttled_share": 0.1, "throttling_seed": int(os.environ.get("SEED", "0"))}
# AWSCURRENT, AWSPREVIOUS, and the one that lost its label after the last was put.
_VERSIONS = 100 + 3
_GROWTH = 1.25


@pytest.mark.parametrize(
    ("size", "batch"),
    [
        pytest.param(FLEETS[0], FLEETS[0], id="one-of-each"),
        pytest.param(FLEETS[1], 10, id="many", marks=pytest.mark.slow),
    ],
)
def test_every_secret_converges_while_calls_are_throttled(
    size: int, batch: int, account: Account, cases: CountCases
) -> None:
    aws = account.aws
    made = _in_turn(account, size)
    fleet: list[Deployed] = []
    sent = 0
    with aws.switched(**_THROTTLED):
        while len(fleet) < size:
            some = list(itertools.islice(made, batch))
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
                # AWS ends an idle environment by itself.
                aws.client("lambda").update_function_code(
                    FunctionName=one.function_name, ZipFile=package(aws, one.function_name)
                )
    for one in fleet:
        one.require_converged(aws)
    assert len({one.function_name for one in fleet}) == size
    assert sent > size
    cases(size)


def _in_turn(account: Account, size: int) -> Iterator[Deployed]:
    """Make secrets of all strategies, one after the other."""
    kinds = [
        copies(account.aws, name, outputs, of=size) for name, outputs in account.outputs.items()
    ]
    return itertools.chain.from_iterable(zip(*kinds, strict=True))


@pytest.mark.parametrize("strategy", SUBJECTS)
@pytest.mark.parametrize(
    "rotations",
    [
        pytest.param(15, id="fifteen"),
        pytest.param(500, id="five-hundred", marks=pytest.mark.slow),
    ],
)
def test_nothing_grows_with_the_number_of_rotations(
    rotations: int, strategy: str, account: Account, cases: CountCases
) -> None:
    aws = account.aws
    one = original(aws, strategy, account.outputs[strategy])
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
    assert grown.keys() == memory.keys(), "It was one process from the first to the last."
    assert all(grown[process] < _GROWTH * memory[process] for process in memory)
    cases(rotations)


@pytest.mark.slow
@pytest.mark.parametrize(
    "strategy",
    [name for name, subject in SUBJECTS.items() if "settling_seconds" in subject.variables],
)
def test_the_default_settling_waits_until_a_key_is_known_everywhere(
    strategy: str, account: Account, cases: CountCases
) -> None:
    aws, rotations = account.aws, 10
    outputs = deploy(aws, account.checkout, account.told, without="settling_seconds")
    one = original(aws, strategy, outputs[strategy])
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
    """Count the versions, those without a label included."""
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
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            environment = (process / "environ").read_text(errors="replace")
            status = (process / "status").read_text()
        except OSError:
            continue  # It has ended, or is not ours to look at.
        if (
            f"-{one.function_name}-" in command
            and f"AWS_ENDPOINT_URL={account.aws.environment['AWS_ENDPOINT_URL']}\0" in environment
        ):
            (line,) = (text for text in status.splitlines() if text.startswith("VmRSS:"))
            found[int(process.name)] = int(line.split()[1])
    assert found
    return found
