"""A command of the Makefile leaves no process and no file, however it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# An orphan in its own session, like a daemon, which Ctrl-C doesn't reach.
_COMMAND = """
import os, pathlib, signal, subprocess, sys, tempfile
pathlib.Path(tempfile.mkdtemp(), "file").touch()
orphan = subprocess.Popen(
    [sys.executable, "-c", "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"],
    start_new_session=True, stdout=subprocess.PIPE, text=True,
)
print(orphan.stdout.readline().strip(), tempfile.gettempdir(), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the parent of an orphan is init")
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param("sys.exit(3)", 3, id="failure"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", 128 + signal.SIGKILL, id="kill"),
        pytest.param("os.killpg(os.getpgrp(), signal.SIGINT)", 128 + signal.SIGINT, id="ctrl-c"),
    ],
)
def test_nothing_outlives_the_command(ending: str, code: int, repository: Path) -> None:
    ended = subprocess.run(
        [sys.executable, repository / "dev" / "reap.py", sys.executable, "-c", _COMMAND + ending],
        check=False,
        capture_output=True,
        start_new_session=True,
        text=True,
    )
    orphan, folder = ended.stdout.split()
    with pytest.raises(ProcessLookupError):
        os.kill(int(orphan), 0)
    assert not Path(folder).exists()
    assert ended.returncode == code
