"""Runs the process of a server on a free port of the loopback interface, not as root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HOST: Final = "127.0.0.1"

_SERVERS: Final = Path(__file__).resolve().parents[2] / ".cache" / "databases"
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30
_PAUSE_SECONDS: Final = 0.05
_PORTS: Final = 5


class NotStartedError(RuntimeError):
    """The server is not installed, exited, or did not respond."""


def installed(name: str, folder: Path, servers: Path = _SERVERS) -> Path:
    """Return the folder of a server's programs, which its user can read.

    Args:
        name: the name of the folder in .cache/databases, such as postgresql-16.
        folder: the server's own folder, for a copy.
        servers: the folder of all servers.

    Raises:
        NotStartedError: The server is not installed.
    """
    programs = servers / name
    if not programs.is_dir():
        message = (
            f"{name} is not in .cache/databases. Run `make setup`. "
            "The servers of slow tests come with `make test-slow`."
        )
        raise NotStartedError(message)
    # A checkout may be in a folder of root alone.
    if os.geteuid() or _is_open(programs):
        return programs
    copy = folder / "programs"
    return copy if copy.exists() else Path(shutil.copytree(programs, copy, symlinks=True))


class Process:
    """The process of one server. It has one port, also after a restart."""

    def __init__(
        self,
        folder: Path,
        command: Callable[[int], Sequence[str | Path]],
        ready: Callable[[], bool],
        *,
        environment: dict[str, str] | None = None,
        stop: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Prepare the process; `start` starts it.

        Args:
            folder: the server's own folder, which is its working directory.
            command: returns the command for a port.
            ready: returns whether the server accepts a log-in.
            environment: more variables than PATH.
            stop: the signal that ends the server.
        """
        if not _is_open(folder.parent):
            message = f"Each user must be able to enter {folder.parent}. Set another TMPDIR."
            raise NotStartedError(message)
        self.port = 0
        self._folder = folder
        self._command = command
        self._ready = ready
        self._environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **(environment or {})}
        self._stop = stop
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the running server."""
        if self._running is None:
            message = "The server is stopped."
            raise NotStartedError(message)
        return self._running.pid

    @property
    def is_running(self) -> bool:
        """Return whether the server was started and not stopped."""
        return self._running is not None

    @property
    def log(self) -> Path:
        """The file with the output of the process."""
        return self._folder / "output.log"

    def give(self) -> None:
        """Let the server's user own all files of the folder."""
        if user := _user():
            for path in (self._folder, *self._folder.rglob("*")):
                os.chown(path, user["user"], user["group"], follow_symlinks=False)

    def run(self, *command: str | Path, text: str = "") -> None:
        """Run a command that prepares the server, as the server's user.

        Raises:
            NotStartedError: The command failed.
        """
        self.give()
        result = subprocess.run(
            command,
            check=False,
            input=text,
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
            **self._options(),
        )
        if result.returncode:
            message = f"{command[0]} failed:\n{result.stdout}"
            raise NotStartedError(message)

    def start(self) -> None:
        """Start the server, at first on a new port.

        Raises:
            NotStartedError: The server exited or did not respond.
        """
        # A port that was free may be in use a moment later. After a restart, clients use this one.
        ports = [self.port] if self.port else [_free_port() for _ in range(_PORTS)]
        for self.port in ports:
            began = self.log.stat().st_size if self.log.exists() else 0
            if self._start():
                return
            output = self.log.read_bytes()[began:].decode(errors="replace")
            if "Address already in use" not in output:
                break
        message = f"The server did not start. Its output:\n{output}"
        raise NotStartedError(message)

    def _start(self) -> bool:
        self.give()
        with self.log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command(self.port),
                # Ctrl-C must not reach the server: its user has to clean up first.
                start_new_session=True,
                stderr=output,
                stdin=subprocess.DEVNULL,
                stdout=output,
                **self._options(),
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._running.poll() is not None or time.monotonic() > deadline:
                self.stop()
                return False
            time.sleep(_PAUSE_SECONDS)
        return True

    def stop(self) -> None:
        """Stop the server, and kill it if it doesn't end."""
        if self._running is None:
            return
        self._running.send_signal(self._stop)
        try:
            self._running.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.wait()
        self._running = None

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Stop the server for the length of the block."""
        self.stop()
        # No other process gets the port, and a connection to it is refused.
        try:
            with socket.socket() as reserved:
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                reserved.bind((HOST, self.port))
                yield
        finally:
            self.start()

    def _options(self) -> dict[str, Any]:
        return {"cwd": self._folder, "env": self._environment, **_user()}


def _user() -> dict[str, Any]:
    """Return Popen's arguments for a user that is not root."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _is_open(folder: Path) -> bool:
    """Return whether any user can enter the folder, or no other user has to."""
    path = folder.resolve()
    searched = (path, *path.parents)
    return os.geteuid() != 0 or all(one.stat().st_mode & stat.S_IXOTH for one in searched)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as free:
        port: int = free.getsockname()[1]
    return port
