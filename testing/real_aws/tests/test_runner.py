"""Runs of the real tests, with the local AWS in the place of the account."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testing.harness.account import eventually
from testing.local_aws.launch import ACCOUNT_ID, REGION
from testing.real_aws.guard import Budget, Guard
from testing.real_aws.run import Run
from testing.real_aws.runner import environment, pytest_command
from testing.real_aws.tests.conftest import QuickAws, everything

# A run in an account depends on them, and no user of the module.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("real-aws-runner")]

_ROOT = Path(__file__).resolve().parents[3]
_WHERE = ("--account", ACCOUNT_ID, "--region", REGION)


def _without_aws_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}


@contextmanager
def _run(aws: QuickAws, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "testing.real_aws", "run", "--pause", "0", *arguments],
        cwd=_ROOT,
        env={**_without_aws_settings(), **aws.environment},
        start_new_session=True,
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=120)
    return output


@pytest.fixture(scope="module")
def foreign(aws: QuickAws) -> frozenset[str]:
    """The account with a foreign queue."""
    aws.client("sqs").create_queue(QueueName="uploads", tags={"rotating-secret-test": "other"})
    return everything(aws)


_CONTRACT = ("test_rotation_runs_four_steps", "lambda list_functions rst-")
_EXAMPLE = ("random-value", "reports/signing")


_CASES = pytest.mark.parametrize(
    ("keyword", "sign"),
    [
        pytest.param(*_CONTRACT, id="contract"),
        # It has Terraform, too. tests/static/test_reap.py ends other children of a killed process.
        pytest.param(*_EXAMPLE, id="example"),
    ],
)


def _wait_for_a_creation(
    aws: QuickAws, foreign: frozenset[str], process: subprocess.Popen[str], sign: str
) -> None:
    eventually(
        "A creation",
        lambda: process.poll() is not None or any(sign in one for one in everything(aws) - foreign),
    )


def _child(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


@_CASES
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="The test finds pytest in /proc.")
def test_nothing_is_left_after_the_tests_were_killed(
    aws: QuickAws, foreign: frozenset[str], keyword: str, sign: str
) -> None:
    """Neither pytest nor Terraform removes anything."""
    with _run(aws, "--budget", "5", *_WHERE, "--keyword", keyword) as process:
        _wait_for_a_creation(aws, foreign, process, sign)
        os.kill(_child(_child(process.pid)), signal.SIGKILL)
        output = _finished(process)

    assert everything(aws) == foreign, output
    assert process.returncode == 128 + signal.SIGKILL
    assert "\nremoved " in output
    assert "left: " not in output


@_CASES
@pytest.mark.parametrize("signals", [1, 2], ids=["once", "twice"])
def test_nothing_is_left_after_ctrl_c(
    aws: QuickAws, foreign: frozenset[str], keyword: str, sign: str, signals: int
) -> None:
    with _run(aws, "--budget", "5", *_WHERE, "--keyword", keyword) as process:
        _wait_for_a_creation(aws, foreign, process, sign)
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
        output = _finished(process)

    assert everything(aws) == foreign, output
    assert process.returncode != 0
    assert "left: " not in output


def test_a_run_says_what_is_new_and_not_its_own(aws: QuickAws, foreign: frozenset[str]) -> None:
    with _run(aws, "--budget", "5", *_WHERE, "--keyword", "test_qualifiers") as process:
        eventually("A creation", lambda: process.poll() is not None or everything(aws) != foreign)
        url = aws.client("sqs").create_queue(QueueName="downloads")["QueueUrl"]
        output = _finished(process)

    assert process.returncode == 0, output
    not_removed = (
        "new since the start, without the tag of the run, and not removed: sqs list_queues"
    )
    assert f"{not_removed} {url}" in output
    assert "Paid for at most 0.0150 USD: 1 test." in output
    aws.client("sqs").delete_queue(QueueUrl=url)
    assert everything(aws) == foreign


def test_a_run_ends_after_its_hours(aws: QuickAws, foreign: frozenset[str]) -> None:
    arguments = ("--budget", "5", "--hours", "0.0001", *_WHERE, "--keyword", _CONTRACT[0])
    with _run(aws, *arguments) as process:
        output = _finished(process)

    assert process.returncode != 0
    assert "The time limit is over." in output
    assert everything(aws) == foreign


def test_no_test_starts_after_the_budget_is_used_up(
    aws: QuickAws, foreign: frozenset[str], tmp_path: Path
) -> None:
    guard = Guard(Run.start(), Budget(5, 3, tmp_path / "ledger"))
    guard.budget.ledger.write_text(json.dumps({"kind": "test", "what": "a", "usd": 4.99}) + "\n")

    ended = subprocess.run(
        pytest_command("test_logs or test_qualifiers"),
        check=False,
        cwd=_ROOT,
        env={**_without_aws_settings(), **aws.environment, **environment(guard)},
        stdout=subprocess.PIPE,
        text=True,
    )

    assert "BUDGET_USD must not be exceeded; nothing more is created." in ended.stdout
    assert "The budget is used up." in ended.stdout
    assert "1 error in " in ended.stdout
    assert everything(aws) == foreign


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(
            ("--budget", "1", "--account", "", "--region", REGION),
            'ACCOUNT must be the 12 digits of the account to use. Found: "".',
            id="no-account",
        ),
        pytest.param(
            ("--budget", "1", "--account", "210987654321", "--region", REGION),
            f"must belong to the account 210987654321. Found: {ACCOUNT_ID}.",
            id="other-account",
        ),
        pytest.param(
            ("--budget", "1", "--account", ACCOUNT_ID, "--region", ""),
            'REGION must be a Region, for example eu-west-1. Found: "".',
            id="no-region",
        ),
        pytest.param(
            ("--budget", "0.01", *_WHERE, "--keyword", "random-value"),
            "BUDGET_USD must be at least 0.06 for these tests. Found: 0.01.",
            id="small-budget",
        ),
    ],
)
def test_a_run_is_refused_before_it_creates(
    aws: QuickAws, foreign: frozenset[str], arguments: tuple[str, ...], message: str
) -> None:
    with _run(aws, *arguments) as process:
        output = _finished(process)

    assert process.returncode != 0
    assert message in output
    assert everything(aws) == foreign
