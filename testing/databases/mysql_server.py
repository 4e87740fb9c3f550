"""A server that speaks MySQL's protocol: MySQL and MariaDB differ in how they are created."""

from __future__ import annotations

import contextlib
import secrets
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from testing.databases.certificates import Kind, present, write_certificates
from testing.databases.login import Login
from testing.databases.process import HOST, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import pymysql

_PATIENCE_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.05
_CONNECTIONS: Final = 30
_FEW_CONNECTIONS: Final = 10  # MariaDB accepts no smaller number.
_ALL_CONNECTIONS: Final = "11"  # One is for a superuser.

# The master user of RDS has these, in MySQL before 8.0.36 as in MariaDB.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
_ADMINISTRATOR: Final = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
    "REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, "
    "EVENT, TRIGGER"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """The differences between MySQL and MariaDB."""

    name: str
    program: Sequence[str | Path]
    """The command that starts the server, without the common options."""
    create: Callable[[Process, str], None]
    """Creates the data without a user, and runs the statements, each of which is a line."""
    reload_certificate: str
    """The statement that reads the certificate again."""
    environment: dict[str, str]


class MySQLServer:
    """One server of MySQL or MariaDB, which accepts only connections with TLS and a password."""

    def __init__(self, folder: Path, version: str, product: Product) -> None:
        """Create the server's files in an empty folder; `start` starts it.

        Raises:
            NotStartedError: The folder can't be used.
        """
        self.product = product.name
        self.version = version
        self.superuser = Login("root", secrets.token_hex(16))
        self.administrator = Login("administrator", secrets.token_hex(16))
        """As on RDS: it may create users, and is not a superuser."""
        self.ca_file = folder / "ca.pem"
        self._folder = folder
        self._product = product
        self._reserved: pymysql.Connection[Any] | None = None
        self.process = Process(
            folder,
            lambda port: [*product.program, *_options(folder), f"--port={port}"],
            self._is_ready,
            environment=product.environment,
        )
        write_certificates(folder)
        present(folder, Kind.GOOD)

    @property
    def host(self) -> str:
        """The address that the server listens on."""
        return HOST

    @property
    def port(self) -> int:
        """The port of the server, also after a restart."""
        return self.process.port

    def start(self) -> None:
        """Create the data at the first start, and start the server.

        Raises:
            NotStartedError: The server exited or did not respond.
        """
        if not (self._folder / "data").exists():
            root, administrator = self.superuser, self.administrator
            self._product.create(
                self.process,
                f"CREATE USER {root.username}@'%' IDENTIFIED BY '{root.password}';\n"
                f"GRANT ALL ON *.* TO {root.username}@'%' WITH GRANT OPTION;\n"
                f"CREATE USER {administrator.username}@'%' "
                f"IDENTIFIED BY '{administrator.password}';\n"
                f"GRANT {_ADMINISTRATOR} ON *.* TO {administrator.username}@'%' "
                "WITH GRANT OPTION;\n",
            )
        self.process.start()

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()

    def outage(self) -> contextlib.AbstractContextManager[None]:
        """Stop the server for the length of the block."""
        return self.process.outage()

    def connect(
        self,
        login: Login,
        **options: Any,  # noqa: ANN401 -- PyMySQL declares them
    ) -> pymysql.Connection[Any]:
        """Log in with PyMySQL, which verifies the certificate. Each statement commits.

        Args:
            login: the user and its password.
            options: other arguments of `pymysql.connect`; `ssl_disabled=True` is without TLS.

        Raises:
            pymysql.OperationalError: The server rejected the log-in, or there is no server.
        """
        return self._connect(login, ssl.create_default_context(cafile=self.ca_file), options)

    def accepts(self, login: Login) -> bool:
        """Return whether the user can log in with this password."""
        from pymysql import OperationalError

        with contextlib.suppress(OperationalError), self.connect(login):
            return True
        return False

    def statement(self, sql: str) -> list[tuple[Any, ...]]:
        """Run statements as the superuser, and return the rows of the first.

        The superuser accepts each certificate, because a test may set a wrong one.

        Raises:
            pymysql.MySQLError: The server rejected a statement, or there is no server.
        """
        if self._reserved is not None:
            return _rows(self._reserved, sql)
        with self.connect_superuser() as session:
            return _rows(session, sql)

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Reject changes of all users but the superuser, as a replica does."""
        self.statement("SET GLOBAL read_only = ON")
        try:
            yield
        finally:
            self.statement("SET GLOBAL read_only = OFF")

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Use all connections, also the one that is reserved for superusers.

        In the block, `statement` uses that one.
        """
        self.statement(f"SET GLOBAL max_connections = {_FEW_CONNECTIONS}")
        with contextlib.ExitStack() as sessions:
            self._fill(sessions)
            self._reserved = sessions.enter_context(self._last())
            # A session that was about to end may have left its place.
            while self.statement("SHOW STATUS LIKE 'Threads_connected'")[0][1] != _ALL_CONNECTIONS:
                self._fill(sessions)
            try:
                yield
            finally:
                self.statement(f"SET GLOBAL max_connections = {_CONNECTIONS}")
                self._reserved = None

    def _last(self) -> pymysql.Connection[Any]:
        """Take the reserved place, which the last session may not have left yet."""
        from pymysql import OperationalError

        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                return self.connect_superuser()
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE_SECONDS)

    def _fill(self, sessions: contextlib.ExitStack) -> None:
        from pymysql import OperationalError

        with contextlib.suppress(OperationalError):
            while True:
                sessions.enter_context(self.connect(self.administrator))

    def end_sessions(self) -> None:
        """End the sessions of all users but the superuser."""
        from pymysql import MySQLError

        kept = (self.superuser.username, "event_scheduler", "system user")
        while found := [row for row in self.statement("SHOW PROCESSLIST") if row[1] not in kept]:
            for number, *_ in found:
                with contextlib.suppress(MySQLError):  # It may have ended.
                    self.statement(f"KILL {number}")

    @contextlib.contextmanager
    def presenting(self, kind: Kind) -> Iterator[None]:
        """Let the server present a wrong certificate for the length of the block."""
        present(self._folder, kind)
        self._reload_certificate()
        try:
            yield
        finally:
            present(self._folder, Kind.GOOD)
            self._reload_certificate()

    def logs(self) -> str:
        """Return the error log, the general log, the slow log and the binary log."""
        files = (
            self.process.log,
            *sorted(self._folder.glob("*.log")),
            *self._folder.glob("binary.*"),
        )
        return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def _is_ready(self) -> bool:
        from pymysql import OperationalError

        with contextlib.suppress(OperationalError):
            return bool(self.statement("SELECT 1"))
        return False

    def _reload_certificate(self) -> None:
        self.process.give()
        self.statement(self._product.reload_certificate)

    def connect_superuser(self) -> pymysql.Connection[Any]:
        """Log in as the superuser, which accepts each certificate."""
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
        return self._connect(self.superuser, tls, {})

    def _connect(
        self, login: Login, tls: ssl.SSLContext, options: dict[str, Any]
    ) -> pymysql.Connection[Any]:
        import pymysql
        from pymysql.constants import CLIENT

        return pymysql.connect(
            **{
                "host": HOST,
                "port": self.port,
                "user": login.username,
                # PyMySQL would encode a text as Latin-1.
                "password": login.password.encode(),
                "ssl": tls,
                "autocommit": True,
                "charset": "utf8mb4",
                "client_flag": CLIENT.MULTI_STATEMENTS,
                "connect_timeout": _PATIENCE_SECONDS,
                "read_timeout": _PATIENCE_SECONDS,
                "write_timeout": _PATIENCE_SECONDS,
                **options,
            }
        )


def _options(folder: Path) -> tuple[str, ...]:
    return (
        *(f"--datadir={folder}/data", f"--socket={folder}/socket", f"--pid-file={folder}/pid"),
        *(f"--bind-address={HOST}", "--skip-name-resolve", f"--max-connections={_CONNECTIONS}"),
        *(f"--ssl-cert={folder}/presented.pem", f"--ssl-key={folder}/presented.key"),
        *("--require-secure-transport=ON", f"--log-bin={folder}/binary", "--server-id=1"),
        *("--log-output=FILE", "--general-log=ON", f"--general-log-file={folder}/general.log"),
        *("--slow-query-log=ON", f"--slow-query-log-file={folder}/slow.log", "--long-query-time=0"),
        # The data of a test need not survive the machine.
        *("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0", "--innodb-doublewrite=OFF"),
        "--innodb-buffer-pool-size=32M",
    )


def _rows(session: pymysql.Connection[Any], sql: str) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        cursor.execute(sql)
        rows = list(cursor.fetchall())
        while cursor.nextset():
            pass
        return rows
