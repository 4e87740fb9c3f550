"""Runs the example's application in a process of its own and reads its reports."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from testing.harness.account import eventually

WORKERS: Final = 4
# The application reads the secret again after half of this time. The demo has no overlap.
MAXIMUM_AGE_SECONDS: Final = 4
_REPORT_EVERY_SECONDS: Final = 0.25
_STOP_SECONDS: Final = 20


class ApplicationError(Exception):
    """The application ended unexpectedly or with an error."""

    def __init__(self, output: str) -> None:
        super().__init__(f"The application ended:\n{output}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The application's counts so far."""

    requests: int = 0
    log_ins: int = 0
    failed: int = 0
    last_failure: str | None = None
    # The keys or users of the workers.
    in_use: list[str] = field(default_factory=list)


class Application:
    """A running application."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._errors = ""
        self.report = Report()
        self._threads = [
            threading.Thread(target=self._read_reports, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def require_running(self) -> None:
        """Check that the application still runs.

        Raises:
            ApplicationError: The application has ended.
        """
        if self._process.poll() is not None:
            raise ApplicationError(self._errors)

    def wait_for_requests(self) -> None:
        """Wait until every worker has started."""

        def requests() -> int:
            self.require_running()
            return self.report.requests

        eventually("The first requests", requests, lambda seen: seen > WORKERS)

    def stop(self) -> Report:
        """Let the application finish its requests and return its last report.

        Raises:
            ApplicationError: The application ended with an error.
        """
        self.end()
        if self._process.returncode != 0:
            raise ApplicationError(self._errors)
        return self.report

    def end(self) -> None:
        """Let the application finish its requests, if it still runs."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()

    def _read_reports(self) -> None:
        for line in self._process.stdout or ():
            self.report = Report(**json.loads(line))

    def _read_errors(self) -> None:
        for line in self._process.stderr or ():
            self._errors += line


@contextlib.contextmanager
def application(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[Application]:
    """Run a program of an example, with its arguments, for the length of the block."""
    process = subprocess.Popen(
        [
            *(sys.executable, *command),
            *("--workers", str(WORKERS)),
            *("--maximum-age", str(MAXIMUM_AGE_SECONDS)),
            *("--report-every", str(_REPORT_EVERY_SECONDS)),
        ],
        env={"PYTHONDONTWRITEBYTECODE": "1", **environment},
        start_new_session=True,  # Ctrl-C must not reach it; the demo ends it.
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        running = Application(process)
        try:
            yield running
        finally:
            running.end()
