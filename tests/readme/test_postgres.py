"""The statements on the page of PostgreSQL do on a server what the page says."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from testing.databases.login import Login
from testing.databases.versions import POSTGRESQL
from tests.readme.blocks import block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases.postgresql import PostgreSQL

each_version = pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)

# Deployed examples use the database of the page, on the same server.
_DATABASE = "page"
_PASSWORD = "a-password-of-a-test"  # noqa: S105 -- of a user on a server of this test


@pytest.fixture
def reports(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    """A server with the database of the example, which its administrator owns."""
    with ExitStack() as later:
        for name in ("app", "app_clone"):
            later.callback(postgresql.statement, f"DROP ROLE IF EXISTS {name}")
        later.callback(postgresql.statement, f"DROP DATABASE {_DATABASE}")
        with postgresql.connect(postgresql.administrator) as session:
            session.execute(f"CREATE DATABASE {_DATABASE}".encode())
        yield postgresql


def _run(server: PostgreSQL, shown: str, login: Login) -> None:
    """Run statements of the page, on which the administrator is dba."""
    sql = shown.replace("dba", server.administrator.username)
    sql = sql.replace("DATABASE reports", f"DATABASE {_DATABASE}")
    with server.connect(login, database=_DATABASE) as session:
        session.execute(sql.encode())


@each_version
def test_the_administrator_creates_the_user_and_may_change_its_password(
    reports: PostgreSQL,
) -> None:
    _run(reports, block("run", "postgres-user"), reports.administrator)
    with reports.connect(reports.administrator) as session:
        session.execute(f"ALTER ROLE app PASSWORD '{_PASSWORD}'".encode())
    with reports.connect(Login("app", _PASSWORD), database=_DATABASE) as session:
        session.execute("CREATE SCHEMA reports")


@each_version
def test_the_option_lets_an_administrator_change_a_user_that_another_role_created(
    reports: PostgreSQL,
) -> None:
    reports.statement("CREATE ROLE app LOGIN")
    _run(reports, block("run", "postgres-admin"), reports.superuser)
    with reports.connect(reports.administrator) as session:
        session.execute(f"ALTER ROLE app PASSWORD '{_PASSWORD}'".encode())
        session.execute("CREATE ROLE app_clone LOGIN IN ROLE app")


@each_version
def test_the_tables_of_a_templates_second_user_become_the_first_ones(
    reports: PostgreSQL,
) -> None:
    _run(reports, block("run", "postgres-user"), reports.administrator)
    with reports.connect(reports.administrator) as session:
        session.execute(f"CREATE ROLE app_clone LOGIN PASSWORD '{_PASSWORD}'".encode())
        session.execute("GRANT app TO app_clone")
    with reports.connect(Login("app_clone", _PASSWORD), database=_DATABASE) as session:
        session.execute("CREATE SCHEMA sales")
        session.execute("CREATE TABLE sales.orders ()")
    _run(reports, block("run", "template-tables"), reports.administrator)
    _run(reports, block("run", "template-role"), reports.administrator)
    with reports.connect(Login("app_clone", _PASSWORD), database=_DATABASE) as session:
        assert session.execute("SELECT current_user").fetchall() == [("app",)]
    owner = "SELECT tableowner FROM pg_tables WHERE schemaname = 'sales'"
    assert reports.statement(owner, database=_DATABASE) == [("app",)]
    owner = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'sales'"
    assert reports.statement(owner, database=_DATABASE) == [("app",)]
    with reports.connect(reports.administrator) as session:
        ((own,),) = session.execute(
            "SELECT count(*) FROM pg_auth_members WHERE pg_get_userbyid(member) = current_user "
            "AND pg_get_userbyid(grantor) = current_user"
        ).fetchall()
    assert own == 0
