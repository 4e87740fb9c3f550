"""A process of a server starts on a free port, reports why it can't, and ends with the tests."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.databases import NotStartedError, PostgreSQL
from testing.databases.process import Process, installed

_ROOT = Path(__file__).resolve().parents[3]
_KILLED = """
import os, pathlib, signal, tempfile
from testing.databases import PostgreSQL
server = PostgreSQL(pathlib.Path(tempfile.mkdtemp()))
server.start()
print(server.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_server_that_is_not_installed_is_named(folder: Path) -> None:
    with pytest.raises(NotStartedError, match=r"postgresql-9 is not in .*Run `make setup`"):
        PostgreSQL(folder, "9")


def test_a_server_that_exits_reports_its_output(folder: Path) -> None:
    process = Process(folder, lambda _: ["sh", "-c", "echo the reason; exit 1"], _never)
    with pytest.raises(NotStartedError, match="the reason"):
        process.start()


def test_a_server_whose_port_is_in_use_gets_another(folder: Path) -> None:
    ports = []

    def command(port: int) -> list[str]:
        ports.append(port)
        in_use = "echo Address already in use; exit 1"
        return ["sh", "-c", in_use if len(ports) < 3 else "exec sleep 600"]

    process = Process(folder, command, lambda: len(ports) == 3)
    process.start()
    process.stop()
    assert len({*ports}) == 3
    assert process.port == ports[-1]


def test_a_folder_that_others_cannot_enter_is_rejected(folder: Path) -> None:
    closed = folder / "closed" / "server"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    # Only root starts servers as another user.
    expected = "Set another TMPDIR" if os.geteuid() == 0 else "it failed"
    with pytest.raises(NotStartedError, match=expected):
        Process(closed, lambda _: ["sh", "-c", "echo it failed; exit 1"], _never).start()


def test_the_programs_can_be_read_by_the_user_of_the_server(folder: Path, tmp_path: Path) -> None:
    """pytest's folders are closed, as those of a checkout may be."""
    program = tmp_path / "server-1" / "program"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)

    process = Process(folder, lambda _: [], _never)
    process.run(installed("server-1", folder, tmp_path) / "program")


def test_a_server_ends_with_the_command_of_the_makefile() -> None:
    ended = subprocess.run(
        [sys.executable, "dev/reap.py", sys.executable, "-c", _KILLED],
        check=False,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ended.returncode == 128 + signal.SIGKILL
    with pytest.raises(ProcessLookupError):
        os.kill(int(ended.stdout), 0)


def _never() -> bool:
    return False
