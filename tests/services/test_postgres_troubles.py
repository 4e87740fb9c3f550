"""Rotations on a PostgreSQL server in trouble, and with names and passwords that need quoting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rotation.errors import CredentialRejected
from rotation.services.postgresql import session
from rotation.services.postgresql.quoting import quote_identifier
from rotation_conformance.rotator import works
from testing.databases import Login
from testing.databases.versions import POSTGRESQL
from tests.services.postgresql_users import PostgresqlUsers
from tests.services.test_postgresql_passwords import PASSWORDS, TEXTS
from tests.services.troubles import MODES, Troubles, rotate_as, rotated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases import PostgreSQL

# A name and "_clone" have 63 bytes at most.
_NAMES: Final = tuple(text for text in TEXTS if len(text.encode()) <= 57)
_ALL_AT_ONCE: Final = """a'b"c\\d`e $f$ %s{}; --\n\u00e4\U0001f511"""


@pytest.fixture(params=MODES)
def users(
    request: pytest.FixtureRequest, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresqlUsers]:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    mode, administered = request.param
    made = PostgresqlUsers(postgresql, mode, administered=administered)
    yield made
    made.remove()


@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestTroubles(Troubles):
    log_in = staticmethod(session.log_in)
    changes = ("ALTER ROLE", "BEGIN; ALTER ROLE")

    def test_a_password_may_be_after_its_valid_until(self, users: PostgresqlUsers) -> None:
        rotation = rotated(users)
        rotation.rotate()
        name = quote_identifier(users.first.username)
        users.server.statement(f"ALTER ROLE {name} VALID UNTIL '2020-01-01'")
        says = "VALID UNTIL" if users.administered else "accepts none of the passwords"
        self._fails(rotation, CredentialRejected, says)
        users.server.statement(f"ALTER ROLE {name} VALID UNTIL 'infinity'")
        # Only an administrator replaces the one password of a user that the server rejects.
        replaced = users.administered and users.mode == "single_user"
        assert works(rotation, "AWSCURRENT") == (not replaced)
        self._recovers(rotation)


def test_a_name_and_a_password_may_need_quoting(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_as(PostgresqlUsers, postgresql, Login(_ALL_AT_ONCE, _ALL_AT_ONCE), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("name", _NAMES, ids=ascii)
def test_each_hostile_name_rotates(
    name: str, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_as(PostgresqlUsers, postgresql, Login(name, "the first password"), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("password", PASSWORDS, ids=lambda one: ascii(one)[:40])
def test_each_hostile_password_rotates(
    password: str, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_as(PostgresqlUsers, postgresql, Login("app", password), monkeypatch)
