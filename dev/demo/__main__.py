"""`make demo`: an application's key is renewed again and again, and no request fails."""

import os
import signal
import sys
from types import FrameType

from dev.demo.display import display
from dev.demo.story import SHORTENED, Ending, play
from testing.harness.terraform import checkout
from testing.local_aws import local_aws


def main() -> int:
    """Play the demo; the exit code says whether every promise was kept."""
    rotations = int(os.environ.get("ROTATIONS") or 5)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        ending = _play(rotations)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; nothing was left behind.\n")
        return 130
    sys.stdout.write(f"{ending}\n")
    return 0 if ending.is_good else 1


def _play(rotations: int) -> Ending:
    with display() as shown:
        shown.say("Starting a local AWS that enforces IAM")
        # A new key is accepted late, and not by all at once, as AWS's own are.
        with local_aws(key_propagation_seconds=1, key_settling_seconds=1) as aws:
            shortened = ", ".join(f"{name} = {value}" for name, value in SHORTENED.items())
            shown.say(f"Shortened for the demo, so that rotations take seconds: {shortened}")
            with checkout() as folder:
                return play(aws, folder, rotations, shown)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # The way out must not be interrupted again.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
