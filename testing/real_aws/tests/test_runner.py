"""Runs of the real tests, with the local AWS in the place of the account."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testing.harness.account import eventually
from testing.local_aws.launch import ACCOUNT_ID, REGION
from testing.real_aws.tests.conftest import QuickAws, everything

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


@pytest.mark.parametrize(
    ("keyword", "sign", "signals"),
    [
        pytest.param(*_CONTRACT, 1, id="contract-stopped", marks=pytest.mark.slow),
        pytest.param(*_CONTRACT, 2, id="contract-ended-at-once"),
        pytest.param(*_EXAMPLE, 1, id="example-stopped", marks=pytest.mark.slow),
        pytest.param(*_EXAMPLE, 2, id="example-ended-at-once"),
    ],
)
def test_an_interrupted_run_leaves_nothing(
    aws: QuickAws, foreign: frozenset[str], keyword: str, sign: str, signals: int
) -> None:
    """Ended at once, pytest and Terraform remove nothing themselves."""
    with _run(aws, "--budget", "5", *_WHERE, "--keyword", keyword) as process:
        eventually(
            "A creation",
            lambda: (
                process.poll() is not None or any(sign in one for one in everything(aws) - foreign)
            ),
        )
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            # The runner counts two signals at the same time as one.
            time.sleep(0.5)
        output = _finished(process)

    assert everything(aws) == foreign, output
    assert process.returncode != 0
    assert "left: " not in output
    if signals == 2:
        assert "\nremoved " in output


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
            "BUDGET_USD must be at least 0.02 for these tests. Found: 0.01.",
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
