"""Runs redis-server on a free port of the loopback interface, with TLS and users."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST: Final = "127.0.0.1"

_ADMINISTRATOR: Final = "administrator"
_START_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.02


class NotStartedError(RuntimeError):
    """The server is not installed, exited, or did not respond."""

    def __init__(self, output: str = "") -> None:
        super().__init__(
            f"redis-server did not start. On Debian, install the package redis-server. {output}"
        )


class LocalRedis:
    """A server whose only user, at first, is its administrator."""

    def __init__(self, folder: Path, certificate: Path, key: Path) -> None:
        """Configure the server, which writes to the folder; `start` starts it."""
        with socket.create_server((HOST, 0)) as free:
            self.port: int = free.getsockname()[1]
        self.administrator = {"username": _ADMINISTRATOR, "password": secrets.token_hex(16)}
        self._certificate = certificate
        acl = folder / "users.acl"
        rules = f"on #{digest(self.administrator['password'])} +auth +acl +client|kill"
        acl.write_text(f"user default off\nuser {_ADMINISTRATOR} {rules}\n", encoding="utf-8")
        options = {
            "aclfile": acl,
            "bind": HOST,
            "dir": folder,
            "loglevel": "warning",
            "port": 0,
            "save": "",
            "tls-auth-clients": "no",
            "tls-cert-file": certificate,
            "tls-key-file": key,
            "tls-port": self.port,
        }
        self._command = ["redis-server"]
        for name, value in options.items():
            self._command += [f"--{name}", str(value)]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the server with its saved users.

        Raises:
            NotStartedError: The server is not installed, exited, or did not respond.
        """
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )
        except FileNotFoundError:
            raise NotStartedError from None
        deadline = time.monotonic() + _START_SECONDS
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise NotStartedError(self.stop())
            time.sleep(_PAUSE_SECONDS)

    def stop(self) -> str:
        """Stop the server and return its output."""
        if self._process is None:
            return ""
        self._process.terminate()
        output, _ = self._process.communicate()
        self._process = None
        return output

    @contextlib.contextmanager
    def outage(self) -> Iterator[None]:
        """Stop the server for the length of the block."""
        self.stop()
        yield
        self.start()

    def add_user(self, name: str) -> None:
        """Add a user who may only log in and ping, and who has no password yet."""
        with self._client(self.administrator) as client:
            client.acl_setuser(name, enabled=True, reset=True, commands=["+ping"])
            client.acl_save()

    def remove_user(self, name: str) -> None:
        """Remove a user."""
        with self._client(self.administrator) as client:
            client.acl_deluser(name)

    def accepts(self, username: str, password: str) -> bool:
        """Return whether the user can log in with this password."""
        try:
            with self._client({"username": username, "password": password}) as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return False

    def passwords(self, name: str) -> set[str]:
        """Return the SHA-256 hash of each password of a user."""
        with self._client(self.administrator) as client:
            user = client.acl_getuser(name)
        return set(user["passwords"])

    def _serves(self) -> bool:
        try:
            return self.passwords(_ADMINISTRATOR) != set()
        except redis.ConnectionError:
            return False

    def _client(self, user: dict[str, str]) -> redis.Redis:
        return redis.Redis(
            host=HOST,
            port=self.port,
            username=user["username"],
            password=user["password"],
            ssl=True,
            ssl_ca_certs=str(self._certificate),
            # By default, redis-py repeats a rejected log-in for seconds.
            retry=Retry(NoBackoff(), 0),
        )


def digest(password: str) -> str:
    """Return the hash by which the server lists a password."""
    return hashlib.sha256(password.encode()).hexdigest()


@contextlib.contextmanager
def local_redis(certificate: Path, key: Path) -> Iterator[LocalRedis]:
    """Run a server.

    Args:
        certificate: A certificate for the loopback address, which clients must trust.
        key: The key of the certificate.

    Raises:
        NotStartedError: The server is not installed, exited, or did not respond.
    """
    with tempfile.TemporaryDirectory(prefix="local-redis-") as folder:
        server = LocalRedis(Path(folder), certificate, key)
        server.start()
        try:
            yield server
        finally:
            server.stop()
