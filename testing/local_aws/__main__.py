"""Run a local AWS in the foreground until Ctrl-C."""

from __future__ import annotations

import shlex
import signal
import sys
import threading

from testing.local_aws import local_aws


def main() -> None:
    """Print the environment to export, then wait."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with local_aws() as aws:
        for name, value in aws.environment.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        sys.stderr.write("The local AWS runs until Ctrl-C.\n")
        stop.wait()


if __name__ == "__main__":
    main()
