"""Runs the tests in an account, and cleans up at their end, however they end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testing.harness.account import inventory
from testing.real_aws import prices
from testing.real_aws.account import RealAws
from testing.real_aws.cleanup import PAUSE_SECONDS, Cleaned, clean
from testing.real_aws.guard import Guard

_ROOT: Final = Path(__file__).resolve().parents[2]
_TESTS: Final = ("testing/local_aws/tests", "tests/e2e/test_examples.py")
_STOPPING: Final = "The tests stop and remove what they created. Ctrl-C again ends them at once."
_ENDING: Final = "The tests end at once. The clean-up follows."
# Terraform may have to delete a database.
_STOP_SECONDS: Final = 1200


def pytest_command(keyword: str) -> list[str]:
    """Return the command that runs the tests, or those that pytest's -k selects."""
    command = [sys.executable, "-m", "pytest", "-p", "testing.real_aws.selection", *_TESTS]
    return [*command, "-k", keyword] if keyword else command


def environment(guard: Guard) -> dict[str, str]:
    """Return the variables by which the tests use a real account."""
    return {"CONTRACT_TARGET": "account", "E2E_TARGET": "account", **guard.environment}


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201 -- pytest writes to the same place


@dataclass(frozen=True)
class Runner:
    """One run in an account."""

    aws: RealAws
    guard: Guard
    keyword: str = ""
    pause: float = PAUSE_SECONDS
    report: Callable[[str], object] = _print

    def run(self) -> int:
        """Run the tests and the clean-up, and return the exit code."""
        for line in self._plan():
            self.report(line)
        self.guard.budget.ledger.parent.mkdir(parents=True, exist_ok=True)
        before = inventory(self.aws)
        code = self._tests()
        signal.signal(signal.SIGINT, lambda *_: self.report("The clean-up goes on."))
        signal.signal(signal.SIGTERM, lambda *_: self.report("The clean-up goes on."))
        cleaned = clean(self.aws, self.guard.run, report=self.report, pause=self.pause)
        for line in self._conclusion(cleaned, inventory(self.aws) - before):
            self.report(line)
        self.guard.budget.ledger.unlink(missing_ok=True)
        return code or (1 if cleaned.left else 0)

    def _tests(self) -> int:
        """Run the tests in a session of their own, so that Ctrl-C reaches them once."""
        child = subprocess.Popen(
            # This ends Terraform and its providers, before the clean-up starts.
            [sys.executable, "dev/reap.py", *pytest_command(self.keyword)],
            cwd=_ROOT,
            env={**os.environ, **self.aws.environment, **environment(self.guard)},
            start_new_session=True,
        )
        stops = 0

        def stop(*_: object) -> None:
            nonlocal stops
            stops += 1
            self.report(_ENDING if stops > 1 else _STOPPING)
            _stop(child, at_once=stops > 1)

        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        deadline = time.monotonic() + self.guard.budget.hours * 3600
        for patience in (deadline - time.monotonic(), _STOP_SECONDS):
            try:
                return child.wait(patience)
            except subprocess.TimeoutExpired:
                self.report("The time limit is over.")
                stop()
        return child.wait()

    def _plan(self) -> Iterator[str]:
        run, budget = self.guard.run, self.guard.budget
        yield f"Run {run.id} in the account {self.aws.account_id} and the Region {self.aws.region}."
        yield f"To clean up after a run that was killed: {self._clean_command()}"
        yield "It creates users, roles, policies, functions, log groups, queues, rules and buckets,"
        yield f"and these, each for at most {budget.hours:g} hours and 1 hour of clean-up:"
        for kind, price in prices.PRICES.items():
            usd = prices.cost(kind, budget.hours)
            yield f"  {kind}: ({price.arithmetic}) * {budget.hours + 1:g} h * 2 = {usd:.4f} USD"
            yield f"    {price.page}"
        use = prices.USE_OF_A_TEST
        yield f"  requests of a test: ({use.arithmetic}) * 2 = {prices.use_of_a_test():.4f} USD"
        yield f"    {use.page}"
        yield f"Nothing more is created after {budget.usd:.2f} USD (BUDGET_USD)."

    def _clean_command(self) -> str:
        where = f"ACCOUNT={self.aws.account_id} REGION={self.aws.region}"
        return f"make test-aws-clean {where} RUN={self.guard.run.id}"

    def _conclusion(self, cleaned: Cleaned, new: frozenset[str]) -> Iterator[str]:
        paid = Counter(line["kind"] for line in self.guard.budget.lines())
        counted = ", ".join(f"{number} {kind}" for kind, number in sorted(paid.items()))
        yield f"Paid for at most {self.guard.budget.spent():.4f} USD: {counted or 'nothing'}."
        for left in cleaned.left:
            yield f"left: {left}"
        if cleaned.left:
            yield f"To try again: {self._clean_command()}"
        # The provider tags a bucket after its creation. Others may use the account, too.
        for name in sorted(new):
            yield f"new since the start, without the tag of the run, and not removed: {name}"


def _stop(child: subprocess.Popen[bytes], *, at_once: bool) -> None:
    """Ask pytest to end with its clean-up, or end it at once."""
    with contextlib.suppress(ProcessLookupError):
        if at_once:
            child.send_signal(signal.SIGTERM)
        else:
            os.killpg(child.pid, signal.SIGINT)
