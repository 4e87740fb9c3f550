"""The command rotating-secret, installed as a user installs it and run in a terminal."""

import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import termios
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import uv

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_ROWS, _COLUMNS = 50, 200


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that has ended: its exit code, and what was on the screen."""

    code: int
    raw: str

    @property
    def screen(self) -> str:
        """The screen without its colours."""
        return _ANSI.sub("", self.raw).replace("\r\n", "\n")

    def line(self, word: str) -> str:
        """Return the one line that starts with a word."""
        (found,) = [one for one in self.screen.splitlines() if one.split()[:1] == [word]]
        return found


@dataclass(frozen=True, kw_only=True)
class Terminal:
    """Runs commands in a terminal with this environment."""

    environment: Mapping[str, str]

    def run(self, *command: str, **environment: str) -> Ended:
        ours, theirs = pty.openpty()
        size = struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        try:
            process = subprocess.Popen(
                command,
                env={**self.environment, "TERM": "xterm-256color", **environment},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        seen = b""
        with suppress(OSError):  # EIO: the last process has closed the terminal.
            while part := os.read(ours, 65_536):
                seen += part
        os.close(ours)
        return Ended(code=process.wait(), raw=seen.decode())


def install(tool: Path, folder: Path) -> Path:
    """Install the folder of the tool alone, and return the folder of its command.

    boto3 and rich come from the environment of the tests.
    """
    copy = shutil.copytree(tool, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    options = ["--quiet", "--offline", "--no-deps", "--no-cache", f"--python={python}"]
    subprocess.run([uv.find_uv_bin(), "pip", "install", *options, copy], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin"
