"""The payload logs in to PostgreSQL where psycopg and pg8000 do, and each state has its error."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
)
from rotation.services.postgresql import SqlError, Stage, roles
from rotation.services.postgresql.errors import call
from rotation.services.postgresql.passwords import hash_password, scram_verifier
from rotation.services.postgresql.quoting import quote_literal
from rotation.services.postgresql.session import log_in
from rotation.services.tls import NoReplyError, UntrustedCertificateError
from testing.databases import Kind, Login, PgBouncer, PostgreSQL
from testing.databases.versions import POSTGRESQL
from tests.services.postgresql import (
    accepts_psycopg,
    administer,
    code_of,
    code_of_pg8000,
    place_of,
    role,
    session_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_APP: Final = Login("app", "a password of an application")
_WRONG: Final = Login("app", "another password")
_MISSING: Final = Login("missing", "any password")
_PASSWORD: Final = f"PASSWORD '{_APP.password}'"

pytestmark = pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)


class State(NamedTuple):
    """A state of the server or of the user, and the error for it."""

    code: str
    stage: Stage
    error: type[RotationError]
    says: str
    options: str = f"LOGIN {_PASSWORD}"
    login: Login = _APP
    database: str = "postgres"


_REJECTED: Final = ("28P01", Stage.LOGIN, CredentialRejected)
_STATES: Final = {
    "wrong-password": State(*_REJECTED, "a wrong password", login=_WRONG),
    "no-password": State(*_REJECTED, "a wrong password", "LOGIN"),
    "no-role": State(*_REJECTED, "a missing user", login=_MISSING),
    "valid-until": State(
        *_REJECTED, "extend VALID UNTIL", f"LOGIN {_PASSWORD} VALID UNTIL '2020-01-01'"
    ),
    "nologin": State(
        *("28000", Stage.START, ConfigurationError, 'ALTER ROLE "app" LOGIN'),
        f"NOLOGIN {_PASSWORD}",
    ),
    "no-database": State(
        *("3D000", Stage.START, ConfigurationError, "Correct dbname"), database="missing"
    ),
    "no-connect": State(
        *("42501", Stage.START, PermissionDenied),
        'GRANT CONNECT ON DATABASE "closed" TO "app"',
        database="closed",
    ),
    "limit-of-the-role": State(
        *("53300", Stage.START, ServiceUnavailable, "CONNECTION LIMIT"),
        f"LOGIN {_PASSWORD} CONNECTION LIMIT 0",
    ),
}


@pytest.fixture
def closed(postgresql: PostgreSQL) -> Iterator[None]:
    """A database to which only its owner may connect."""
    postgresql.statement("CREATE DATABASE closed")
    postgresql.statement("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    yield
    postgresql.statement("DROP DATABASE closed")


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("state", [pytest.param(one, id=name) for name, one in _STATES.items()])
def test_each_state_has_its_code_and_its_advice(state: State, postgresql: PostgreSQL) -> None:
    place, login = place_of(postgresql, state.database), state.login

    def log_in_as_the_user() -> None:
        log_in(place, login.username, login.password)

    with role(postgresql, "app", state.options):
        with pytest.raises(SqlError) as caught:
            log_in_as_the_user()
        with pytest.raises(state.error, match=state.says):
            call("log-in", place, login.username, log_in_as_the_user)
        assert (caught.value.sqlstate, caught.value.stage) == (state.code, state.stage)
        assert code_of_pg8000(postgresql, login, state.database) == state.code
        assert not accepts_psycopg(postgresql, login, state.database)


def test_a_line_of_pg_hba_rejects_before_the_password(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    with role(postgresql, "app", f"LOGIN {_PASSWORD}"), postgresql.authenticating("app", "reject"):
        with pytest.raises(SqlError) as caught:
            log_in(place, "app", _APP.password)
        assert (caught.value.sqlstate, caught.value.stage) == ("28000", Stage.LOGIN)
        assert code_of_pg8000(postgresql, _APP) == "28000"
        with pytest.raises(ConfigurationError, match=r"pg_hba\.conf"):
            call("log-in", place, "app", lambda: log_in(place, "app", _APP.password))
    assert code_of(postgresql, _MISSING) == "28P01"


def test_no_password_is_sent_in_cleartext(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    with (
        role(postgresql, "app", f"LOGIN {_PASSWORD}"),
        postgresql.authenticating("app", "password"),
    ):
        assert accepts_psycopg(postgresql, _APP)
        with pytest.raises(ConfigurationError, match="cleartext, and received nothing"):
            call("log-in", place, "app", lambda: log_in(place, "app", _APP.password))


def test_a_full_server_is_unavailable(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    with role(postgresql, "app", f"LOGIN {_PASSWORD}"), postgresql.full():
        with pytest.raises(ServiceUnavailable, match="max_connections"):
            call("log-in", place, "app", lambda: log_in(place, "app", _APP.password))
        assert code_of_pg8000(postgresql, _APP) == code_of(postgresql, _APP) == "53300"


def test_a_server_that_is_down_is_unavailable(postgresql: PostgreSQL) -> None:
    with postgresql.outage(), pytest.raises(NoReplyError) as caught:
        session_of(postgresql, _APP)
    assert not caught.value.lost


def test_a_session_that_the_server_ends_is_lost_or_says_so(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    with session_of(postgresql, postgresql.administrator) as session:
        pid = session.value("SELECT pg_backend_pid()")
        postgresql.statement(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(ServiceUnavailable):
            call("SELECT", place, "administrator", lambda: session.value("SELECT 1"))


def test_a_session_ends_soon_after_its_last_statement(postgresql: PostgreSQL) -> None:
    with session_of(postgresql, postgresql.administrator) as session:
        roles.limit(session)
        found = session.query(
            "SELECT setting, unit FROM pg_settings WHERE name = 'idle_session_timeout'", columns=2
        )
    assert found == ([] if postgresql.version == "13" else [("10000", "ms")])


def test_a_replica_names_the_endpoint(postgresql: PostgreSQL) -> None:
    place, administrator = place_of(postgresql), postgresql.administrator
    with postgresql.read_only():
        with pytest.raises(ConfigurationError, match="the option endpoint"):
            call("CREATE ROLE", place, "admin", lambda: administer(postgresql, "CREATE ROLE a"))
        assert code_of(postgresql, administrator) is None


def _change(user: str) -> str:
    return f"ALTER ROLE {user} PASSWORD {quote_literal(scram_verifier('new'))}"


def test_a_read_only_user_names_the_setting(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    change = _change("app")
    with role(postgresql, "app", f"LOGIN {_PASSWORD}"):
        postgresql.statement("ALTER ROLE app SET default_transaction_read_only = on")
        with (
            session_of(postgresql, _APP) as session,
            pytest.raises(ConfigurationError, match="default_transaction_read_only"),
        ):
            call("ALTER ROLE", place, "app", lambda: session.query(change))


def test_a_user_without_the_right_is_denied(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    change = _change("other")
    with (
        role(postgresql, "app", f"LOGIN {_PASSWORD}"),
        role(postgresql, "other"),
        session_of(postgresql, _APP) as session,
        pytest.raises(PermissionDenied, match='GRANT "other" TO "app" WITH ADMIN OPTION'),
    ):
        call("ALTER ROLE", place, "app", lambda: session.query(change), changed="other")


def test_a_missing_role_has_its_code(postgresql: PostgreSQL) -> None:
    place = place_of(postgresql)
    with pytest.raises(ProtocolError, match="42704"):
        call("ALTER ROLE", place, "a", lambda: administer(postgresql, "ALTER ROLE missing LOGIN"))


def test_a_change_at_the_same_time_may_be_repeated(postgresql: PostgreSQL) -> None:
    """PostgreSQL reports "tuple concurrently updated" as an internal error."""
    codes: list[str] = []

    def change() -> None:
        try:
            with session_of(postgresql, postgresql.superuser) as session:
                session.query("ALTER ROLE app CONNECTION LIMIT 2")
        except SqlError as error:
            codes.append(error.sqlstate)

    with role(postgresql, "app"), postgresql.connect(postgresql.superuser) as first:
        first.autocommit = False
        first.execute("ALTER ROLE app CONNECTION LIMIT 1")
        second = threading.Thread(target=change)
        second.start()
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'transactionid'"
        while not postgresql.statement(waiting):
            time.sleep(0.01)
        first.commit()
        second.join()
    assert codes == ["XX000"]
    place = place_of(postgresql)

    def repeat() -> None:
        raise SqlError(codes[0], Stage.STATEMENT)

    with pytest.raises(ServiceUnavailable, match="another change of the same role"):
        call("ALTER ROLE", place, "postgres", repeat)


@pytest.mark.parametrize(
    ("kind", "verify_codes"),
    [
        pytest.param(Kind.EXPIRED, {10}, id="expired"),
        pytest.param(Kind.OTHER_HOST, {62, 64}, id="other-host"),
        pytest.param(Kind.UNKNOWN_AUTHORITY, {18, 19, 20}, id="unknown-authority"),
    ],
)
def test_a_wrong_certificate_is_not_trusted(
    kind: Kind, verify_codes: set[int], postgresql: PostgreSQL
) -> None:
    user = postgresql.administrator
    with postgresql.presenting(kind), pytest.raises(UntrustedCertificateError) as caught:
        session_of(postgresql, user)
    assert caught.value.verify_code in verify_codes
    with session_of(postgresql, user) as session:
        assert session.value("SELECT current_user") == user.username


def test_several_statements_are_one_transaction(postgresql: PostgreSQL) -> None:
    with session_of(postgresql, postgresql.administrator) as session:
        with pytest.raises(SqlError) as caught:
            session.query("CREATE ROLE half; SELECT 1 / 0", columns=1)
        assert caught.value.sqlstate == "22012"
        found = session.query("SELECT 1 FROM pg_roles WHERE rolname = 'half'", columns=1)
    assert found == []


@pytest.mark.parametrize("encryption", ["scram-sha-256", "md5"])
def test_a_pool_accepts_the_password_and_reports_no_reason(
    encryption: str, postgresql: PostgreSQL, pgbouncer: PgBouncer
) -> None:
    place = replace(place_of(postgresql), port=pgbouncer.port)
    user = f"app_{encryption}"  # The pool keeps its own sessions of a user.
    hashed = hash_password(_APP.password, user, encryption)
    with role(postgresql, user, f"LOGIN PASSWORD '{hashed}'"):
        with log_in(place, user, _APP.password) as session:
            assert session.value("SELECT current_user") == user
        with pytest.raises(ConfigurationError, match="Set the option endpoint"):
            call("log-in", place, user, lambda: log_in(place, user, _WRONG.password))
