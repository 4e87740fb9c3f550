"""Rotations on a MySQL or MariaDB server in trouble, and with names that need quoting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import CredentialRejected
from rotation.services.mysql import session
from rotation.services.mysql.quoting import literal
from rotation_conformance.rotator import assert_converged
from testing.databases import Login
from tests.services.mysql_users import MysqlUsers
from tests.services.test_mysql import HOSTILE, NAMES
from tests.services.troubles import MODES, Troubles, rotate_as, rotated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases import MySQLServer

# A name and "_clone" have 32 characters at most.
_NAMES: Final = sorted({name[:26].strip() for name in NAMES})
_NAME: Final = """a'b"c\\d`e %s@{}; --\u00e4"""
_PASSWORD: Final = f"{_NAME}\n\U0001f511"


@pytest.fixture(params=MODES)
def users(
    request: pytest.FixtureRequest, mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MysqlUsers]:
    monkeypatch.setenv("SSL_CERT_FILE", str(mysql_server.ca_file))
    mode, administered = request.param
    made = MysqlUsers(mysql_server, mode, administered=administered)
    yield made
    made.remove()


class TestTroubles(Troubles):
    log_in = staticmethod(session.log_in)
    changes = ("ALTER USER", "SET PASSWORD")

    def test_a_password_may_have_expired(self, users: MysqlUsers) -> None:
        rotation = rotated(users)
        rotation.rotate()
        login = Login(users.first.username, rotation.secret.value()["password"])
        users.server.statement(f"ALTER USER {literal(login.username)} PASSWORD EXPIRE")
        # An administrator sets another one, which has not expired.
        if not users.administered:
            self._fails(rotation, CredentialRejected, "accepts none of the passwords")
            users.set_password(login)
        rotation.rotate()
        assert_converged(rotation)


def test_a_name_and_a_password_may_need_quoting(
    mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_as(MysqlUsers, mysql_server, Login(_NAME, _PASSWORD), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", _NAMES, ids=ascii)
def test_each_hostile_name_rotates(
    name: str, mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_as(MysqlUsers, mysql_server, Login(name, "the first password"), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("password", HOSTILE, ids=lambda one: ascii(one)[:40])
def test_each_hostile_password_rotates(
    password: str, mysql_server: MySQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_as(MysqlUsers, mysql_server, Login("app", password), monkeypatch)
