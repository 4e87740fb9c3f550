"""The payload's client at a real server, and two drivers that must agree with it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import mysql.connector
import pymysql

from rotation.services.mysql.packets import ServerError
from rotation.services.mysql.session import Place, Session, log_in
from rotation.services.tls import Limits
from testing.databases import Login, MySQLServer

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMITS: Final = Limits(seconds=60)


def place(server: MySQLServer) -> Place:
    """Return where the server is, with its authority."""
    return Place(host=server.host, port=server.port, ca_certificates=server.ca_file.read_text())


def session(server: MySQLServer, login: Login) -> Session:
    """Log in with the payload."""
    return log_in(place(server), login.username, login.password, LIMITS)


def outcome(server: MySQLServer, login: Login) -> tuple[int, bool]:
    """Return the number of the error, and whether the password was accepted; 0: logged in."""
    try:
        with session(server, login) as one:
            one.query("SELECT 1")
    except ServerError as error:
        return error.errno, error.accepted
    return 0, True


def outcome_of_pymysql(server: MySQLServer, login: Login) -> int:
    """Return the number of the error; 0: PyMySQL logged in, and sent a statement."""
    try:
        with server.connect(login) as one, one.cursor() as cursor:
            cursor.execute("SELECT 1")
    except pymysql.MySQLError as error:
        number: int = error.args[0]
        return number
    return 0


def outcome_of_connector(server: MySQLServer, login: Login) -> int:
    """Return the number of the error; 0: MySQL's own driver logged in, and sent a statement."""
    options: dict[str, Any] = {
        "use_pure": True,
        "ssl_verify_cert": True,
        "ssl_verify_identity": True,
    }
    try:
        with (
            mysql.connector.connect(
                host=server.host,
                port=server.port,
                user=login.username,
                password=login.password,
                ssl_ca=str(server.ca_file),
                **options,
            ) as one,
            one.cursor() as cursor,
        ):
            cursor.execute("SELECT 1")
            cursor.fetchall()
    except mysql.connector.Error as error:
        return error.errno
    return 0


@contextlib.contextmanager
def user(server: MySQLServer, name: str, password: str, options: str = "") -> Iterator[Login]:
    """Create an account for the length of the block. PyMySQL quotes its name and its password."""
    with server.connect(server.superuser) as admin, admin.cursor() as cursor:
        cursor.execute(f"CREATE USER %s@'%%' IDENTIFIED BY %s {options}", (name, password))
        try:
            yield Login(name, password)
        finally:
            cursor.execute("DROP USER IF EXISTS %s@'%%'", (name,))
