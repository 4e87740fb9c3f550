"""PgBouncer, a pool of connections between applications and a PostgreSQL server."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from testing.databases.process import HOST, Process, installed

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from testing.databases.login import Login
    from testing.databases.postgresql import PostgreSQL

PoolMode: TypeAlias = Literal["session", "transaction"]


class PgBouncer:
    """A pool that has the certificate of its server, and reads the passwords' hashes from it."""

    def __init__(self, folder: Path, server: PostgreSQL, pool_mode: PoolMode) -> None:
        """Create the pool's files in an empty folder; `start` starts it.

        Raises:
            NotStartedError: PgBouncer is not installed, or the folder can't be used.
        """
        self.pool_mode = pool_mode
        self._folder = folder
        self._server = server
        programs = installed("pgbouncer", folder)
        self.process = Process(
            folder,
            lambda port: [programs / "usr" / "sbin" / "pgbouncer", self._configuration(port)],
            self._is_ready,
            environment={"LD_LIBRARY_PATH": str(programs / "usr" / "lib" / "x86_64-linux-gnu")},
        )

    @property
    def host(self) -> str:
        """The address that the pool listens on."""
        return HOST

    @property
    def port(self) -> int:
        """The port of the pool, also after a restart."""
        return self.process.port

    def start(self) -> None:
        """Start the pool.

        Raises:
            NotStartedError: The pool exited or did not respond.
        """
        superuser = self._server.superuser
        # It reads the hashes of all other users with this log-in.
        line = f'"{superuser.username}" "{superuser.password}"\n'
        (self._folder / "users").write_text(line, encoding="utf-8")
        self.process.start()

    def stop(self) -> None:
        """Stop the pool."""
        self.process.stop()

    def connect(
        self, login: Login, *, database: str = "postgres"
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """Log in through the pool.

        Raises:
            psycopg.OperationalError: The pool or the server rejected the log-in.
        """
        return self._server.connect(login, database=database, port=str(self.port))

    def logs(self) -> str:
        """Return all that the pool logged."""
        return self.process.log.read_text(encoding="utf-8", errors="replace")

    def _is_ready(self) -> bool:
        from psycopg import OperationalError

        with contextlib.suppress(OperationalError):
            self.connect(self._server.superuser).close()
            return True
        return False

    def _configuration(self, port: int) -> str:
        certificates = self._server.ca_file.parent
        # https://www.pgbouncer.org/config.html
        text = f"""
[databases]
* = host={HOST} port={self._server.port}

[pgbouncer]
listen_addr = {HOST}
listen_port = {port}
unix_socket_dir =
pool_mode = {self.pool_mode}
auth_type = md5
auth_file = users
auth_user = {self._server.superuser.username}
client_tls_sslmode = require
client_tls_cert_file = {certificates}/good.pem
client_tls_key_file = {certificates}/good.key
server_tls_sslmode = verify-full
server_tls_ca_file = {certificates}/ca.pem
verbose = 2
"""
        (self._folder / "pgbouncer.ini").write_text(text, encoding="utf-8")
        return "pgbouncer.ini"
