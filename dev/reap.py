"""Runs a command that nothing may outlive: no process, however orphaned, and no temporary file.

After Ctrl-C a killed Terraform leaves its providers running, and a killed test its folders.
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html
_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_SECONDS = 10


def main(command: list[str]) -> int:
    """Run the command, end what it left, and return its exit code as a shell tells it."""
    if sys.platform == "linux":  # Elsewhere an orphan goes to init, beyond our reach.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    usual = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="tidily-", ignore_cleanup_errors=True) as folder:
        # pytest keeps the folders of a failed test where it always does.
        environment = {"PYTEST_DEBUG_TEMPROOT": usual, **os.environ, "TMPDIR": folder}
        # A terminal interrupts the command too: here it only must not end the waiting. A handler,
        # because an ignored signal would be inherited.
        signal.signal(signal.SIGINT, lambda *_: None)
        child = subprocess.Popen(command, env=environment)
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, lambda received, _: child.send_signal(received))
        code = child.wait()
        end_orphans()
    return code if code >= 0 else 128 - code


def end_orphans() -> None:
    """Ask every child to end, then make it; the children of one that ended become ours in turn."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    asked: set[int] = set()
    while True:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if ended:
            continue
        for child in children():
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            elif child not in asked:
                os.kill(child, signal.SIGTERM)
                asked.add(child)
        time.sleep(0.05)


def children() -> list[int]:
    """Name our direct children, ended ones that we did not wait for included."""
    own = os.getpid()
    return [int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
