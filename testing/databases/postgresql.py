"""A PostgreSQL server that accepts only connections with TLS and a password."""

from __future__ import annotations

import contextlib
import secrets
import signal
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from testing.databases.certificates import Kind, present, write_certificates
from testing.databases.login import Login
from testing.databases.process import HOST, NotStartedError, Process, installed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

_PATIENCE_SECONDS: Final = 20
_PAUSE_SECONDS: Final = 0.02

# https://www.postgresql.org/docs/current/runtime-config-logging.html
_SETTINGS: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
ssl = on
ssl_cert_file = '../presented.pem'
ssl_key_file = '../presented.key'
max_connections = 30
superuser_reserved_connections = 3
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
log_statement = all
log_min_duration_statement = 0
log_connections = on
log_disconnections = on
log_error_verbosity = verbose
log_timezone = UTC
# The data of a test need not survive the machine.
fsync = off
"""


class PostgreSQL:
    """One server. Its databases are `postgres` and those of the tests."""

    def __init__(self, folder: Path, version: str = "16") -> None:
        """Create the server's files in an empty folder; `start` starts it.

        Raises:
            NotStartedError: This version is not installed, or the folder can't be used.
        """
        self.version = version
        self.superuser = Login("postgres", secrets.token_hex(16))
        self.administrator = Login("administrator", secrets.token_hex(16))
        """As on RDS: it may create roles, and is not a superuser."""
        self.ca_file = folder / "ca.pem"
        self._folder = folder
        self._programs = installed(f"postgresql-{version}", folder) / "bin"
        self.process = Process(
            folder,
            lambda port: [self._programs / "postgres", "-D", "data", "-p", str(port)],
            self._is_ready,
            stop=signal.SIGINT,  # It ends the sessions; SIGTERM waits for them.
        )
        write_certificates(folder)
        present(self._folder, Kind.GOOD)

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
        if (self._folder / "data").exists():
            self.process.start()
        else:
            self._create()

    def _create(self) -> None:
        password_file = self._folder / "password"
        password_file.write_text(self.superuser.password, encoding="utf-8")
        self.process.run(
            *(self._programs / "initdb", "--pgdata=data", "--encoding=UTF8", "--no-locale"),
            *("--no-sync", "--auth=scram-sha-256"),
            *(f"--username={self.superuser.username}", "--pwfile=password"),
        )
        password_file.unlink()
        with (self._folder / "data" / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(_SETTINGS)
        # As on RDS. The method md5 accepts SCRAM too, and demands it of a role that has a verifier.
        # https://www.postgresql.org/docs/current/auth-password.html
        line = f"hostssl all all {HOST}/32 md5\n"
        (self._folder / "data" / "pg_hba.conf").write_text(line, encoding="utf-8")
        self.process.start()
        self.statement("CREATE EXTENSION pg_stat_statements")
        self.statement(
            f"CREATE ROLE {self.administrator.username} LOGIN CREATEROLE CREATEDB "
            f"PASSWORD '{self.hashed(self.administrator)}'"
        )

    def stop(self) -> None:
        """Stop the server."""
        self.process.stop()

    def outage(self) -> contextlib.AbstractContextManager[None]:
        """Stop the server for the length of the block."""
        return self.process.outage()

    def connect(
        self, login: Login, *, database: str = "postgres", **options: str
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """Log in with libpq, which verifies the certificate. Each statement commits.

        Args:
            login: the user and its password.
            database: the database's name.
            options: other parameters of libpq, such as `sslmode`.

        Raises:
            psycopg.OperationalError: The server rejected the log-in, or there is no server.
        """
        import psycopg
        from psycopg.conninfo import make_conninfo

        parameters = {
            "host": HOST,
            "port": str(self.port),
            "user": login.username,
            "password": login.password,
            "dbname": database,
            "connect_timeout": str(_PATIENCE_SECONDS),
            "gssencmode": "disable",
            "sslmode": "verify-full",
            "sslrootcert": str(self.ca_file),
            **options,
        }
        return psycopg.connect(make_conninfo(**parameters), autocommit=True)

    def accepts(self, login: Login) -> bool:
        """Return whether the user can log in with this password."""
        from psycopg import OperationalError

        with contextlib.suppress(OperationalError), self.connect(login):
            return True
        return False

    def statement(self, sql: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as the superuser, and return its rows.

        The superuser accepts each certificate, because a test may set a wrong one.

        Raises:
            psycopg.Error: The server rejected the statement, or there is no server.
        """
        with self.connect_superuser(database) as session:
            cursor = session.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def hashed(self, login: Login) -> str:
        """Return the hash that libpq makes of a password, as the server is configured."""
        ((method,),) = self.statement("SHOW password_encryption")
        with self.connect_superuser() as session:
            return session.pgconn.encrypt_password(
                login.password.encode(), login.username.encode(), method.encode()
            ).decode()

    @contextlib.contextmanager
    def password_encryption(self, method: Literal["scram-sha-256", "md5"]) -> Iterator[None]:
        """Hash new passwords with another method for the length of the block."""
        self.statement(f"ALTER SYSTEM SET password_encryption = '{method}'")
        self._reload()
        try:
            yield
        finally:
            self.statement("ALTER SYSTEM RESET password_encryption")
            self._reload()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Run the server as a hot standby for the length of the block. Sessions end.

        https://www.postgresql.org/docs/current/hot-standby.html
        """
        signal_file = self._folder / "data" / "standby.signal"
        with self.outage():
            signal_file.touch()
        try:
            yield
        finally:
            with self.outage():
                signal_file.unlink()

    @contextlib.contextmanager
    def authenticating(
        self, username: str, method: Literal["password", "reject"]
    ) -> Iterator[None]:
        """Let a user log in by another method for the length of the block."""
        file = self._folder / "data" / "pg_hba.conf"
        lines = file.read_text(encoding="utf-8")
        file.write_text(f'hostssl all "{username}" all {method}\n{lines}', encoding="utf-8")
        self._reload()
        try:
            yield
        finally:
            file.write_text(lines, encoding="utf-8")
            self._reload()

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Use all connections of users that are not superusers."""
        from psycopg import OperationalError

        with contextlib.ExitStack() as sessions:
            with contextlib.suppress(OperationalError):
                while True:
                    sessions.enter_context(self.connect(self.administrator))
            yield

    def end_sessions(self) -> None:
        """End the sessions of all users that are not superusers."""
        others = f"FROM pg_stat_activity WHERE usename <> '{self.superuser.username}'"
        self.statement(f"SELECT pg_terminate_backend(pid) {others}")
        while self.statement(f"SELECT 1 {others}"):
            time.sleep(_PAUSE_SECONDS)

    @contextlib.contextmanager
    def presenting(self, kind: Kind) -> Iterator[None]:
        """Let the server present a wrong certificate for the length of the block."""
        present(self._folder, kind)
        self._reload()
        try:
            yield
        finally:
            present(self._folder, Kind.GOOD)
            self._reload()

    def logs(self) -> str:
        """Return all that the server logged, and the statements of pg_stat_statements."""
        text = self.process.log.read_text(encoding="utf-8", errors="replace")
        if self.process.is_running:
            rows = self.statement("SELECT query FROM pg_stat_statements")
            text += "\n".join(query for (query,) in rows)
        return text

    def _is_ready(self) -> bool:
        from psycopg import OperationalError

        with contextlib.suppress(OperationalError):
            return bool(self.statement("SELECT 1"))
        return False

    def connect_superuser(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Log in as the superuser, which accepts each certificate."""
        # With an authority's file, libpq would verify it.
        options = {"sslmode": "require", "sslrootcert": str(self._folder / "none.pem")}
        return self.connect(self.superuser, database=database, **options)

    def _reload(self) -> None:
        """Let the server read its files again, and wait until a new session has them."""
        ((before,),) = self.statement("SELECT pg_conf_load_time() FROM pg_reload_conf()")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self.statement("SELECT pg_conf_load_time()") == [(before,)]:
            if time.monotonic() > deadline:
                message = "The server did not reload its files."
                raise NotStartedError(message)
            time.sleep(_PAUSE_SECONDS)
