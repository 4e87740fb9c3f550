"""The MySQL and MariaDB servers behave as a client of RDS meets them.

https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
"""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest

from testing.databases import Kind, Login, MySQLServer


def _error(call: Callable[..., Any], *arguments: object, **options: object) -> int:
    """Return the number of the error of a call."""
    with pytest.raises(pymysql.MySQLError) as caught:
        call(*arguments, **options)
    number: int = caught.value.args[0]
    return number


def test_the_server_has_the_version_that_was_asked_for(mysql_server: MySQLServer) -> None:
    ((version,),) = mysql_server.statement("SELECT version()")
    assert version.startswith(mysql_server.version)
    assert ("MariaDB" in version) == (mysql_server.product == "mariadb")


def test_the_server_does_not_run_as_root(mysql_server: MySQLServer) -> None:
    status = Path(f"/proc/{mysql_server.process.pid}/status").read_text().splitlines()
    ids = [line for line in status if line.startswith(("Uid:", "Gid:"))]
    assert len(ids) == 2
    assert [line for line in ids if "0" in line.split()] == []


def test_the_server_listens_on_the_loopback_interface_only(mysql_server: MySQLServer) -> None:
    assert mysql_server.statement("SELECT @@bind_address") == [("127.0.0.1",)]


def test_a_log_in_without_tls_is_rejected(mysql_server: MySQLServer) -> None:
    error = _error(mysql_server.connect, mysql_server.administrator, ssl_disabled=True)
    # MariaDB 10.11 reports a wrong password.
    assert error == (1045 if mysql_server.version == "10.11" else 3159)


def test_a_wrong_password_is_rejected(mysql_server: MySQLServer) -> None:
    assert _error(mysql_server.connect, Login("administrator", "wrong")) == 1045


def test_a_password_may_have_any_character(mysql_server: MySQLServer) -> None:
    mysql_server.statement("CREATE USER made IDENTIFIED BY 'pa\u0142\U0001f511'")
    mysql_server.connect(Login("made", "pa\u0142\U0001f511")).close()
    mysql_server.statement("DROP USER made")


def test_the_administrator_creates_users_and_is_not_a_superuser(mysql_server: MySQLServer) -> None:
    with mysql_server.connect(mysql_server.administrator) as session:
        session.query("CREATE USER made IDENTIFIED BY 'made'")
        assert _error(session.query, "SET GLOBAL read_only = ON") == 1227
    mysql_server.connect(Login("made", "made")).close()
    mysql_server.statement("DROP USER made")


def test_an_outage_refuses_connections_and_keeps_the_data(mysql_server: MySQLServer) -> None:
    mysql_server.statement("CREATE USER kept")
    port, pid = mysql_server.port, mysql_server.process.pid

    with mysql_server.outage():
        assert _error(mysql_server.connect, mysql_server.administrator) == 2003
        assert not Path(f"/proc/{pid}").exists()

    assert mysql_server.port == port
    mysql_server.statement("DROP USER kept")


def test_a_read_only_server_rejects_a_change(mysql_server: MySQLServer) -> None:
    with mysql_server.connect(mysql_server.administrator) as session:
        with mysql_server.read_only():
            assert _error(session.query, "CREATE USER written") == 1290
        session.query("CREATE USER written")
        session.query("DROP USER written")


def test_a_full_server_rejects_every_log_in(mysql_server: MySQLServer) -> None:
    with mysql_server.full():
        assert _error(mysql_server.connect, mysql_server.administrator) == 1040
        assert _error(mysql_server.connect, mysql_server.superuser) == 1040
        with socket.create_connection((mysql_server.host, mysql_server.port)) as connection:
            # An error packet instead of a greeting, without TLS.
            # https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_err_packet.html
            assert connection.recv(7)[4:] == b"\xff\x10\x04"
        assert mysql_server.statement("SELECT 1") == [(1,)]

    mysql_server.connect(mysql_server.administrator).close()


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.GOOD])
def test_a_client_rejects_a_wrong_certificate(kind: Kind, mysql_server: MySQLServer) -> None:
    with (
        mysql_server.presenting(kind),
        pytest.raises(pymysql.OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        mysql_server.connect(mysql_server.superuser)

    mysql_server.connect(mysql_server.superuser).close()


def test_each_log_has_a_text_that_was_sent(mysql_server: MySQLServer) -> None:
    mysql_server.statement(
        "CREATE DATABASE planted;"
        "CREATE TABLE planted.t (c INT) COMMENT 'a planted password';"
        "DROP DATABASE planted"
    )
    # The general, the slow and the binary log.
    assert mysql_server.logs().count("a planted password") == 3
    assert mysql_server.administrator.password not in mysql_server.logs()
    assert mysql_server.superuser.password not in mysql_server.logs()
