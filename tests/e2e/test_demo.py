"""`make demo` rotates without a failure and leaves nothing behind, also after Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testing.harness.account import eventually


def _processes(mark: str) -> list[str]:
    """Return the processes with this mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_text(errors="replace"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # It has ended, or is not ours to look at.
    return found


@contextmanager
def _demo(database: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run the demo, and check that it leaves nothing."""
    mark = f"DEMO_{uuid.uuid4().hex}"
    # The path of a plugin's socket would be too long in pytest's own folder.
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        Path(folder).chmod(0o755)  # The user of a database server must enter it.
        process = subprocess.Popen(
            [sys.executable, "-m", "dev.demo"],
            cwd=Path(__file__).resolve().parents[2],
            env={
                **os.environ,
                mark: "",
                "DATABASE": database,
                "ROTATIONS": "2",
                "TMPDIR": folder,
            },
            start_new_session=True,
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            yield process
        eventually("The end of all processes", lambda: _processes(mark), lambda seen: not seen)
        assert list(Path(folder).iterdir()) == []


def test_no_request_fails_while_the_key_rotates() -> None:
    with _demo() as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    *described, last = output.splitlines()
    ending = re.fullmatch(r"2 rotations, (\d+) requests, 0 failed", last)
    assert ending, output
    assert int(ending.group(1)) > 100
    assert sum(line.startswith("Checked: ") for line in described) == 4
    # The demo made three keys. It shows each, but not the whole key ID.
    assert len(set(re.findall(r"AKIA…\w{4}", output))) == 3
    assert not re.search(r"AKIA\w", output)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["mariadb", "mysql", "postgres"])
def test_no_query_and_no_log_in_fails_while_the_password_rotates(database: str) -> None:
    with _demo(database) as process:
        output, _ = process.communicate()
    assert process.returncode == 0, output
    *described, last = output.splitlines()
    ending = re.fullmatch(r"2 rotations, (\d+) queries, (\d+) log-ins, 0 failed", last)
    assert ending, output
    assert [int(number) > 20 for number in ending.groups()] == [True, True]
    assert sum(line.startswith("Checked: ") for line in described) == 4
    assert {"app", "app_clone"} <= {*re.findall(r"application uses (\w+);", output)}


def test_an_unknown_database_is_refused() -> None:
    with _demo("oracle") as process:
        output, _ = process.communicate()
    assert process.returncode == 2
    expected = "DATABASE must be one of mariadb, mysql, postgres, or not set. Found: oracle.\n"
    assert output == expected


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_and_no_file() -> None:
    with _demo() as process:
        for line in process.stdout or ():
            if "application uses AKIA" in line:
                break
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate()
    assert process.returncode == 130, output
