"""Runs a command, then ends every process and deletes every temporary file that it left.

After Ctrl-C, a killed Terraform leaves its providers running, and a killed test leaves its folders.
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
    """Run the command, end what it left, and return its exit code as a shell reports it."""
    if sys.platform == "linux":  # Elsewhere the parent of an orphan is init.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    usual = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="tidily-", ignore_cleanup_errors=True) as folder:
        # A server that must not run as root enters its own folder below.
        Path(folder).chmod(0o711)
        # pytest keeps the folders of a failed test in the usual place.
        environment = {"PYTEST_DEBUG_TEMPROOT": usual, **os.environ, "TMPDIR": folder}
        # A terminal interrupts the command too. Here, Ctrl-C must not end the waiting. This needs a
        # handler, because the command would inherit an ignored signal.
        signal.signal(signal.SIGINT, lambda *_: None)
        child = subprocess.Popen(command, env=environment)
        for number in (signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, lambda received, _: child.send_signal(received))
        code = child.wait()
        end_orphans()
    return code if code >= 0 else 128 - code


def end_orphans() -> None:
    """Ask every child to end, then kill it. The children of a process that ended become ours."""
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
    """Return our direct children, including those that ended and that we did not wait for."""
    own = os.getpid()
    return [int(pid) for pid in Path(f"/proc/{own}/task/{own}/children").read_text().split()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
