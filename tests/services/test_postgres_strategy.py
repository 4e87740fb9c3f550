"""The strategy postgres passes the suite for custom rotators, on a real server."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotation.errors import ConfigurationError, CredentialRejected
from rotation.event import Step
from rotation.strategies import postgres
from rotation_conformance.rotator import assert_converged
from testing.databases.login import Login
from testing.databases.versions import POSTGRESQL
from tests.services.postgresql_users import PostgresqlUsers
from tests.services.users import DatabaseSuite, require_forgetting, revoke
from tests.unit.revocations import assert_revoked, report, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation_conformance import Begin
    from testing.databases.postgresql import PostgreSQL


_FIRST, *_ = POSTGRESQL


class _Postgres(DatabaseSuite):
    source_file = Path(postgres.__file__)

    @pytest.fixture
    def service(self, postgresql: PostgreSQL) -> Iterator[PostgresqlUsers]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
            users = PostgresqlUsers(
                postgresql, self.mode, administered=self.administered, remembers=True
            )
            yield users
            users.remove()
            users.close()


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize(
    ("mode", "administered"),
    [
        pytest.param("alternating_users", True, id="alternating_users"),
        pytest.param("single_user", True, id="single_user", marks=pytest.mark.slow),
        pytest.param("single_user", False, id="single_user-self"),
    ],
)
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
def test_logs_have_only_passwords_that_the_server_receives(
    mode: str,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    *,
    administered: bool,
    hashed: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    # A log has these characters in another form.
    options = {"hash_password": hashed, "exclude_characters": "'\\"}
    users = PostgresqlUsers(postgresql, mode, administered=administered, options=options)
    rotation = users.rotation()
    if not administered:
        rotation.put_by_hand(users.first_value())
    for _ in range(2):
        rotation.rotate()
        value = rotation.secret.value()
        assert users.works(value)
        assert (value["password"] in postgresql.logs()) == (not hashed)
    users.remove()


@pytest.fixture
def alternating(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresqlUsers]:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    users = PostgresqlUsers(postgresql, "alternating_users", administered=True)
    yield users
    users.remove()


def test_a_clone_that_is_no_longer_a_member_is_rejected_and_becomes_a_member_again(
    alternating: PostgresqlUsers,
) -> None:
    rotation = alternating.rotation()
    rotation.rotate()
    with alternating.server.connect(alternating.server.administrator) as session:
        session.execute("REVOKE app FROM app_clone")
    with pytest.raises(CredentialRejected, match="GRANT app TO app_clone"):
        rotation.step(Step.TEST, rotation.secret.labels["AWSCURRENT"])
    rotation.rotate()
    assert rotation.secret.value()["username"] == "app_clone"
    assert_converged(rotation)


def test_a_superuser_has_no_second_user(alternating: PostgresqlUsers) -> None:
    rotation = alternating.rotation()
    alternating.server.statement("ALTER ROLE app SUPERUSER")
    with pytest.raises(ConfigurationError, match="must not be a superuser"):
        rotation.steps(rotation.stage())
    found = alternating.server.statement("SELECT 1 FROM pg_roles WHERE rolname = 'app_clone'")
    assert found == []


def test_a_log_in_is_remembered_only_while_the_accounts_stay_the_same(
    postgresql: PostgreSQL,
) -> None:
    require_forgetting(
        PostgresqlUsers(postgresql, "single_user", administered=False, remembers=True)
    )


@pytest.mark.slow
def test_a_leaked_user_that_owns_something_ends(alternating: PostgresqlUsers) -> None:
    """As itself, a second user may make a temporary table. It would stop a rotation."""
    rotation = replace(alternating.rotation(), revocable=True)
    rotation.rotate()
    leaked, value = rotation.secret.labels["AWSCURRENT"], rotation.secret.value()
    with closing(alternating.server.connect(Login("app_clone", value["password"]))) as session:
        session.execute("SET ROLE NONE")
        session.execute("CREATE TEMPORARY TABLE kept ()")
        report(rotation)
        token = start(rotation)
        rotation.steps(token)
        assert_revoked(rotation, token, leaked)


@pytest.mark.parametrize(
    ("postgresql", "mode", "administered"),
    [
        pytest.param(
            version.values[0],
            mode,
            administered,
            id=f"{version.values[0]}-{mode}-{administered}",
            marks=[] if version is _FIRST and mode == "alternating_users" else [pytest.mark.slow],
        )
        for version in POSTGRESQL
        for mode, administered in (
            ("alternating_users", True),
            ("single_user", True),
            ("single_user", False),
        )
    ],
    indirect=["postgresql"],
)
def test_a_leaked_password_and_its_sessions_end(
    postgresql: PostgreSQL, mode: str, monkeypatch: pytest.MonkeyPatch, *, administered: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    revoke(PostgresqlUsers(postgresql, mode, administered=administered))


@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestAlternatingUsers(_Postgres):
    mode = "alternating_users"
    most = 1

    # tests/unit loses each answer of a fake server; an outage of this one is tested below.
    @pytest.mark.slow
    def test_an_answer_may_be_lost(self, begin: Begin) -> None:
        super().test_an_answer_may_be_lost(begin)


@pytest.mark.slow
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestSingleUserAtAllPoints(_Postgres):
    mode = "single_user"
    administered = False


@pytest.mark.slow
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestSingleUserByAnAdministratorAtAllPoints(_Postgres):
    mode = "single_user"


@pytest.mark.slow
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestAlternatingUsersAtAllPoints(_Postgres):
    mode = "alternating_users"
