"""A secret moves here from each state that AWS's template can leave on MySQL and MariaDB."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pymysql
import pytest

from rotation.errors import PermissionDenied
from rotation_conformance.rotator import assert_converged, watched
from testing.databases.login import Login
from tests.readme.aws_template import CLONE, USER, Template, each_single_user, each_way_to_give_up
from tests.readme.blocks import block
from tests.services.mysql_users import MysqlUsers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rotation_conformance.rotator import Rotation
    from testing.databases import MySQLServer

# How far the template has come in a rotation. Each of its statements commits: it may have run the
# first one alone.
_UNFINISHED: Final = ("", "staged", "stored", "begun", "set")
_SLOW: Final = pytest.mark.slow
# The second user without its privileges, with all, and with a new password for the first one.
_SOME: Final = {(0, "begun"), (1, ""), (1, "set")}
_QUERIES: Final = ("SELECT number FROM shop.orders", "INSERT INTO shop.archive VALUES (1)")


@dataclass(frozen=True)
class _Template(Template):
    server: MySQLServer

    def set(self, pending: Mapping[str, str], current: Mapping[str, str], reached: str) -> None:
        user, password = pending["username"], pending["password"]
        if self.alternates:
            login, statements = self.server.administrator, self._copying(user, password)
        else:
            login = Login(user, current["password"])
            quoted = f"'{password}'"
            if self.server.product == "mariadb":
                quoted = f"PASSWORD({quoted})"
            statements = [f"SET PASSWORD = {quoted}"]
        for sql in statements[:1] if reached == "begun" else statements:
            _execute(self.server, login, sql)

    def _copying(self, user: str, password: str) -> Sequence[str]:
        other = CLONE if user == USER else USER
        found = self.server.statement("SELECT User FROM mysql.user")
        statements = []
        if (user,) not in found and self.server.product == "mysql":
            statements.append(f"CREATE USER {user} IDENTIFIED BY '{password}'")
        identified = "" if self.server.product == "mysql" else f" IDENTIFIED BY '{password}'"
        for (grant,) in self.server.statement(f"SHOW GRANTS FOR {other}"):
            statements.append(f"{grant.split(' TO ')[0]} TO {user}{identified}")
        statements.append(f"ALTER USER {user}@'%' REQUIRE NONE")
        if self.server.product == "mysql":
            statements.append(f"SET PASSWORD FOR {user} = '{password}'")
        return statements


@contextmanager
def _moving(
    server: MySQLServer,
    monkeypatch: pytest.MonkeyPatch,
    mode: str = "alternating_users",
    *,
    administered: bool = True,
    alternates: bool = True,
) -> Iterator[_Template]:
    """An application's user and tables, with a secret of the template."""
    monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
    users = MysqlUsers(server, mode, administered=administered)
    rotation = users.rotation()
    server.statement("CREATE TABLE shop.archive (number INT)")
    rotation.put_by_hand(users.first_value())
    try:
        yield _Template(rotation, alternates, server)
    finally:
        users.remove()


def _execute(server: MySQLServer, login: Login, sql: str) -> None:
    with server.connect(login) as session, session.cursor() as cursor:
        cursor.execute(sql)
        while cursor.nextset():
            pass


def _current(rotation: Rotation) -> Login:
    value = rotation.secret.value("AWSCURRENT")
    return Login(value["username"], value["password"])


def _use(session: pymysql.Connection[Any]) -> None:
    with session.cursor() as cursor:
        for sql in _QUERIES:
            cursor.execute(sql)


def _grant_to_the_current_user(template: _Template) -> None:
    """Let the administrator grant what the application needs to the user that it has now."""
    user = _current(template.rotation).username
    template.server.statement(f"GRANT INSERT ON shop.archive TO {user}")


# How often the template has rotated, and how far it has come since then.
_STATES: Final = [
    pytest.param(rotations, unfinished, marks=[] if (rotations, unfinished) in _SOME else [_SLOW])
    for rotations in range(3)
    for unfinished in _UNFINISHED
]


@pytest.mark.parametrize(("rotations", "unfinished"), _STATES)
@each_way_to_give_up
def test_a_pair_of_users_moves_without_a_failed_query(
    rotations: int,
    unfinished: str,
    gives_up: bool,  # noqa: FBT001 -- pytest passes it by name
    mysql_server: MySQLServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with _moving(mysql_server, monkeypatch) as template:
        rotation = template.rotation
        for _ in range(rotations):
            template.rotate()
        if unfinished:
            template.begin(unfinished)
        _grant_to_the_current_user(template)
        with mysql_server.connect(_current(rotation)) as before:
            _use(before)
            if (CLONE,) in mysql_server.statement("SELECT User FROM mysql.user"):
                for sql in (block("run", "template-compare"), block("run", "template-grants")):
                    _execute(mysql_server, mysql_server.administrator, sql)
            if gives_up:
                rotation.give_up()
            for _ in range(4):
                # AWSCURRENT can log in after every call.
                rotation.cloud.fuse.arm(watched(rotation))
                rotation.rotate()
                assert_converged(rotation)
                with mysql_server.connect(_current(rotation)) as now:
                    for session in (before, now):
                        _use(session)


@_SLOW
def test_a_second_user_that_was_promoted_without_its_privileges_gets_them(
    mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The retry of the template sees that the password is valid, and copies nothing more."""
    with _moving(mysql_server, monkeypatch) as template:
        rotation = template.rotation
        rotation.secret.attach("AWSCURRENT", template.begin("begun"))
        assert not rotation.service.works(rotation.secret.value("AWSCURRENT"))
        for _ in range(2):
            rotation.rotate()
            assert_converged(rotation)


def test_a_privilege_of_the_second_user_alone_ends_if_the_statements_were_not_run(
    mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _moving(mysql_server, monkeypatch) as template:
        template.rotate()
        _grant_to_the_current_user(template)
        for _ in range(2):
            template.rotation.rotate()
            with (
                mysql_server.connect(_current(template.rotation)) as now,
                pytest.raises(pymysql.OperationalError, match="INSERT command denied"),
            ):
                _use(now)


@each_way_to_give_up
@each_single_user
@pytest.mark.parametrize(
    "unfinished",
    [
        pytest.param(one, marks=[] if one == "set" else _SLOW)
        for one in _UNFINISHED
        if one != "begun"
    ],
)
def test_a_single_user_moves(
    unfinished: str,
    mode: str,
    administered: bool,  # noqa: FBT001 -- pytest passes it by name
    gives_up: bool,  # noqa: FBT001
    mysql_server: MySQLServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also if the template has set a password that is not current, and so broken AWSCURRENT."""
    with _moving(
        mysql_server, monkeypatch, mode, administered=administered, alternates=False
    ) as template:
        template.move(unfinished, gives_up=gives_up)


def test_a_single_user_of_mysql_needs_the_privilege_of_the_page(
    mysql: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it, the rotation stops before a change."""
    with _moving(mysql, monkeypatch, "single_user", administered=False, alternates=False) as one:
        mysql.statement(f"REVOKE APPLICATION_PASSWORD_ADMIN ON *.* FROM {USER}")
        token = one.rotation.stage()
        with pytest.raises(PermissionDenied, match="APPLICATION_PASSWORD_ADMIN"):
            one.rotation.steps(token)
        assert one.rotation.service.works(one.rotation.secret.value("AWSCURRENT"))
        mysql.statement(block("run", "template-own"))
        one.rotation.rotate()
        assert_converged(one.rotation)
