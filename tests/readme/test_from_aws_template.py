"""A secret moves here from each state that AWS's template can leave, on a real server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import ConfigurationError
from rotation_conformance.rotator import assert_converged, watched
from testing.databases.login import Login
from tests.readme.aws_template import Template, each_single_user, each_way_to_give_up
from tests.readme.blocks import block
from tests.services.postgresql_users import PostgresqlUsers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

    from rotation_conformance.rotator import Rotation
    from testing.databases.postgresql import PostgreSQL

# How far the template has come in a rotation.
_UNFINISHED: Final = ("", "staged", "stored", "set")
_SLOW: Final = pytest.mark.slow


@dataclass(frozen=True)
class _Template(Template):
    server: PostgreSQL

    def rotate(self) -> None:
        super().rotate()
        user = self.rotation.secret.value("AWSCURRENT")
        with self.server.connect(Login(user["username"], user["password"])) as session:
            name = f"of_{user['username']}"
            session.execute(f"CREATE TABLE IF NOT EXISTS moving.{name} ()".encode())

    def set(self, pending: Mapping[str, str], current: Mapping[str, str], reached: str) -> None:
        del reached
        user, password = pending["username"], pending["password"]
        with self.server.connect(self.server.administrator) as session:
            found = session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user]).fetchall()
            if found:
                session.execute(f"ALTER ROLE {user} PASSWORD '{password}'".encode())
            else:
                session.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'".encode())
                session.execute(f"GRANT {current['username']} TO {user}".encode())


@contextmanager
def _moving(
    server: PostgreSQL, mode: str, *, administered: bool, alternates: bool
) -> Iterator[_Template]:
    """An application's user and schema, with a secret of the template."""
    users = PostgresqlUsers(server, mode, administered=administered)
    server.statement("DROP SCHEMA IF EXISTS moving CASCADE")
    rotation = users.rotation()
    server.statement("CREATE SCHEMA moving AUTHORIZATION app")
    rotation.put_by_hand(users.first_value())
    try:
        yield _Template(rotation, alternates, server)
    finally:
        server.statement("DROP SCHEMA moving CASCADE")
        users.remove()


def _take_over(server: PostgreSQL) -> None:
    """Run the statements of the page, on which the administrator is dba."""
    with server.connect(server.administrator) as session:
        for name in ("template-tables", "template-role"):
            sql = block("run", name).replace("dba", server.administrator.username)
            session.execute(sql.encode())


def _log_in(server: PostgreSQL, rotation: Rotation) -> psycopg.Connection[tuple[object, ...]]:
    value = rotation.secret.value("AWSCURRENT")
    return server.connect(Login(value["username"], value["password"]))


# How often the template has rotated, and how far it has come since then.
_STATES: Final = [
    pytest.param(rotations, unfinished, marks=[] if rotations == 1 else [_SLOW])
    for rotations in range(3)
    for unfinished in _UNFINISHED
]


@pytest.mark.parametrize(("rotations", "unfinished"), _STATES)
@each_way_to_give_up
def test_a_pair_of_users_moves_without_a_failed_query(
    rotations: int,
    unfinished: str,
    gives_up: bool,  # noqa: FBT001 -- pytest passes it by name
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    with _moving(postgresql, "alternating_users", administered=True, alternates=True) as template:
        rotation = template.rotation
        for _ in range(rotations):
            template.rotate()
        if unfinished:
            template.begin(unfinished)
        with _log_in(postgresql, rotation) as before:
            if postgresql.statement("SELECT 1 FROM pg_roles WHERE rolname = 'app_clone'"):
                _take_over(postgresql)
            if gives_up:
                rotation.give_up()
            for number in range(4):
                # AWSCURRENT can log in after every call.
                rotation.cloud.fuse.arm(watched(rotation))
                rotation.rotate()
                assert_converged(rotation)
                with _log_in(postgresql, rotation) as now:
                    for session in (before, now):
                        for (name,) in postgresql.statement(
                            "SELECT tablename FROM pg_tables WHERE schemaname = 'moving'"
                        ):
                            session.execute(f"SELECT FROM moving.{name}".encode())
                    now.execute(f"CREATE TABLE moving.of_turn_{number} ()".encode())
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'moving'"
        assert postgresql.statement(owners) == [("app",)]


@each_way_to_give_up
@each_single_user
@pytest.mark.parametrize(
    "unfinished", [pytest.param(one, marks=[] if one == "set" else _SLOW) for one in _UNFINISHED]
)
def test_a_single_user_moves(
    unfinished: str,
    mode: str,
    administered: bool,  # noqa: FBT001 -- pytest passes it by name
    gives_up: bool,  # noqa: FBT001
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the template has set a password that is not current, and so broken AWSCURRENT."""
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    with _moving(postgresql, mode, administered=administered, alternates=False) as template:
        template.move(unfinished, gives_up=gives_up)


def test_the_rotation_stops_before_a_change_if_the_statements_were_not_run(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    with _moving(postgresql, "alternating_users", administered=True, alternates=True) as template:
        for _ in range(2):
            template.rotate()
        value = template.rotation.secret.value("AWSPREVIOUS")
        token = template.rotation.stage()
        with pytest.raises(ConfigurationError, match="must own nothing"):
            template.rotation.steps(token)
        assert template.rotation.service.works(template.rotation.secret.value("AWSCURRENT"))
        with postgresql.connect(Login(value["username"], value["password"])):
            pass
