"""The statements on the page of MySQL and MariaDB do on a server what the page says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testing.databases.login import Login
from tests.readme.blocks import REPOSITORY, block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases import MySQLServer

_PASSWORD = "a-password-of-a-test"  # noqa: S105 -- of a user on a server of this test


@pytest.fixture
def reports(mysql_server: MySQLServer) -> Iterator[MySQLServer]:
    """A server with the database of the example."""
    # A deployed example may use the same database.
    mysql_server.statement("CREATE DATABASE IF NOT EXISTS reports")
    mysql_server.statement("CREATE TABLE reports.orders (number INT)")
    yield mysql_server
    mysql_server.statement("DROP TABLE reports.orders; DROP USER IF EXISTS shop")


def test_the_administrator_creates_the_user_and_may_change_its_password(
    reports: MySQLServer,
) -> None:
    with (
        reports.connect(reports.administrator, autocommit=True) as session,
        session.cursor() as cursor,
    ):
        shown = {"mariadb": block("run", "mariadb-user"), "mysql": block("run", "mysql-user")}
        cursor.execute(shown[reports.product])
        while cursor.nextset():
            pass
        cursor.execute(f"ALTER USER shop IDENTIFIED BY '{_PASSWORD}'")
    with reports.connect(Login("shop", _PASSWORD)) as session, session.cursor() as cursor:
        assert cursor.execute("SELECT number FROM reports.orders") == 0


def test_one_privilege_lets_a_user_of_mysql_have_two_passwords(mysql: MySQLServer) -> None:
    mysql.statement(f"CREATE USER shop IDENTIFIED BY '{_PASSWORD}'")
    try:
        mysql.statement(block("run", "mysql-own"))
        with mysql.connect(Login("shop", _PASSWORD)) as session, session.cursor() as cursor:
            cursor.execute("ALTER USER shop IDENTIFIED BY 'another' RETAIN CURRENT PASSWORD")
        for password in (_PASSWORD, "another"):
            mysql.connect(Login("shop", password)).close()
    finally:
        mysql.statement("DROP USER shop")


@pytest.mark.parametrize("file", ["database.tf", "network.tf", "variables.tf"])
def test_the_network_is_that_of_the_other_example(file: str) -> None:
    """So the native tests of that one are enough."""
    mysql, postgres = (
        (REPOSITORY / "examples" / name / file).read_text(encoding="utf-8")
        for name in ("mysql", "postgres")
    )
    for ours, other in (
        *(('"shop', '"app'), ('"MySQL"', '"PostgreSQL"')),
        *(('"mysql"', '"postgres"'), ("= 3306\n", "= 5432\n")),
    ):
        mysql = mysql.replace(ours, other)
    assert mysql == postgres
