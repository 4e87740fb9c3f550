"""`make demo`: rotates an application's credential under load; no request fails."""

import os
import signal
import sys
from types import FrameType

from dev.demo.display import display
from dev.demo.story import Result, run
from dev.demo.subject import SUBJECTS
from testing.harness.terraform import checkout
from testing.local_aws import local_aws


def main() -> int:
    """Run the demo; the exit code is 0 if every promise was kept."""
    rotations = int(os.environ.get("ROTATIONS") or 5)
    database = os.environ.get("DATABASE") or None
    if database not in SUBJECTS:
        known = ", ".join(filter(None, SUBJECTS))
        sys.stderr.write(f"DATABASE must be one of {known}, or not set. Found: {database}.\n")
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        result = _run(rotations, database)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; nothing was left behind.\n")
        return 130
    sys.stdout.write(f"{result}\n")
    return 0 if result.is_good else 1


def _run(rotations: int, database: str | None) -> Result:
    with display() as screen:
        screen.say("Starting a local AWS that enforces IAM")
        # As in AWS, services accept a new key after a delay, and not all at the same time.
        with (
            local_aws(key_propagation_seconds=1, key_settling_seconds=1) as aws,
            checkout() as folder,
            SUBJECTS[database](aws, screen, folder) as subject,
        ):
            return run(aws, folder, rotations, screen, subject)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A second signal must not interrupt the cleanup.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
