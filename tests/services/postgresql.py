"""The log-ins of the payload and of two drivers, on a real PostgreSQL server."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

import pg8000.exceptions
import pg8000.native
import psycopg

from rotation.services.postgresql import Place, SqlError
from rotation.services.postgresql.session import Session, log_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases import Login, PostgreSQL


def place_of(server: PostgreSQL, database: str = "postgres") -> Place:
    """Return a database of a server."""
    return Place(
        host=server.host,
        port=server.port,
        database=database,
        ca_certificates=server.ca_file.read_text(encoding="utf-8"),
    )


def session_of(server: PostgreSQL, login: Login, database: str = "postgres") -> Session:
    """Log in by the payload."""
    return log_in(place_of(server, database), login.username, login.password)


def administer(server: PostgreSQL, sql: str) -> None:
    """Run statements by the payload, as an administrator without other rights."""
    with session_of(server, server.administrator) as session:
        session.query(sql)


def code_of(server: PostgreSQL, login: Login, database: str = "postgres") -> str | None:
    """Return the SQLSTATE of a log-in by the payload; None: it succeeds."""
    try:
        with session_of(server, login, database):
            return None
    except SqlError as error:
        return error.sqlstate


def code_of_pg8000(server: PostgreSQL, login: Login, database: str = "postgres") -> str | None:
    """Return the SQLSTATE of a log-in by pg8000; None: it succeeds."""
    context = ssl.create_default_context(cafile=str(server.ca_file))
    try:
        pg8000.native.Connection(
            login.username,
            host=server.host,
            port=server.port,
            database=database,
            password=login.password,
            ssl_context=context,
        ).close()
    except pg8000.exceptions.DatabaseError as error:
        return str(error.args[0]["C"])
    return None


def accepts_psycopg(server: PostgreSQL, login: Login, database: str = "postgres") -> bool:
    """Say whether the server accepts a log-in by libpq."""
    with contextlib.suppress(psycopg.OperationalError):
        server.connect(login, database=database).close()
        return True
    return False


def by_libpq(login: Login, encryption: str) -> str:
    """Hash a password by libpq, which needs no connection for it."""
    connection = psycopg.pq.PGconn.connect(b"host=/nonexistent")
    password, user = login.password.encode(), login.username.encode()
    return connection.encrypt_password(password, user, encryption.encode()).decode()


@contextlib.contextmanager
def role(server: PostgreSQL, name: str, options: str = "LOGIN") -> Iterator[None]:
    """Make a role with libpq, and drop it."""
    quoted = '"' + name.replace('"', '""') + '"'
    server.statement(f"CREATE ROLE {quoted} {options}")
    try:
        yield
    finally:
        server.statement(f"DROP ROLE {quoted}")
