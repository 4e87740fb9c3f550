"""The statements on the page of PostgreSQL do on a server what the page says."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import hcl2
import pytest

from testing.databases.login import Login
from testing.databases.versions import POSTGRESQL
from tests.plan.conftest import copy_variables
from tests.readme.blocks import REPOSITORY, block, local

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testing.databases.postgresql import PostgreSQL
    from tests.conftest import Terraform

each_version = pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)

_ADMINISTRATOR = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
_PASSWORD = "a-password-of-a-test"  # noqa: S105 -- of a user on a server of this test


@pytest.fixture
def reports(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    """A server with the database of the example, which its administrator owns."""
    with ExitStack() as later:
        for name in ("app", "app_clone"):
            later.callback(postgresql.statement, f"DROP ROLE IF EXISTS {name}")
        later.callback(postgresql.statement, "DROP DATABASE reports")
        with postgresql.connect(postgresql.administrator) as session:
            session.execute("CREATE DATABASE reports")
        yield postgresql


def _run(server: PostgreSQL, shown: str, login: Login) -> None:
    """Run statements of the page, on which the administrator is dba."""
    sql = shown.replace("dba", server.administrator.username)
    with server.connect(login, database="reports") as session:
        session.execute(sql.encode())


def test_the_configuration_is_accepted(
    repository: Path, terraform: Terraform, tmp_path: Path
) -> None:
    """Without its resources, and without a provider."""
    module = tmp_path / "terraform-aws-rotating-secret"
    module.mkdir()
    copy_variables(repository, module)
    configuration = local(block("plan", "postgres"))
    known = {
        "aws_db_instance.this.address": '"db.internal"',
        "aws_db_instance.this.master_user_secret[0].secret_arn": json.dumps(_ADMINISTRATOR),
        "aws_security_group.function.id": '"sg-0123456789abcdef0"',
        "aws_subnet.private[*].id": '["subnet-0123456789abcdef0"]',
    }
    for expression, value in known.items():
        assert expression in configuration
        configuration = configuration.replace(expression, value)
    (tmp_path / "main.tf").write_text(configuration, encoding="utf-8")
    terraform(tmp_path, "init")
    assert "No changes." in terraform(tmp_path, "plan")


def test_the_secret_has_the_keys_that_constants_must_not_have() -> None:
    file = REPOSITORY / "modules" / "strategies" / "postgres" / "variables.tf"
    (keys,) = (
        one["_value_keys"] for one in hcl2.loads(file.read_text())["locals"] if "_value_keys" in one
    )
    shown = json.loads(block("value", "postgres"))
    assert sorted(shown) == sorted(key.strip('"') for key in keys)


@each_version
def test_the_administrator_creates_the_user_and_may_change_its_password(
    reports: PostgreSQL,
) -> None:
    _run(reports, block("run", "postgres-user"), reports.administrator)
    with reports.connect(reports.administrator) as session:
        session.execute(f"ALTER ROLE app PASSWORD '{_PASSWORD}'".encode())
    with reports.connect(Login("app", _PASSWORD), database="reports") as session:
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
    with reports.connect(Login("app_clone", _PASSWORD), database="reports") as session:
        session.execute("CREATE SCHEMA sales")
        session.execute("CREATE TABLE sales.orders ()")
    _run(reports, block("run", "postgres-from-template"), reports.administrator)
    owner = "SELECT tableowner FROM pg_tables WHERE schemaname = 'sales'"
    assert reports.statement(owner, database="reports") == [("app",)]
    owner = "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'sales'"
    assert reports.statement(owner, database="reports") == [("app",)]
    with reports.connect(reports.administrator) as session:
        ((own,),) = session.execute(
            "SELECT count(*) FROM pg_auth_members WHERE pg_get_userbyid(member) = current_user "
            "AND pg_get_userbyid(grantor) = current_user"
        ).fetchall()
    assert own == 0
