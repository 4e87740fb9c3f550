"""The PostgreSQL servers behave as a client of RDS meets them.

https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from pathlib import Path
from typing import Literal

import psycopg
import pytest
from psycopg import errors

from testing.databases import Kind, Login, PostgreSQL
from testing.databases.versions import POSTGRESQL

pytestmark = pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)


def _status(pid: int, name: str) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(f"{name}:"))


def test_the_server_has_the_version_that_was_asked_for(postgresql: PostgreSQL) -> None:
    ((version,),) = postgresql.statement("SHOW server_version")
    assert version.partition(".")[0] == postgresql.version


def test_the_server_does_not_run_as_root(postgresql: PostgreSQL) -> None:
    assert "0" not in _status(postgresql.process.pid, "Uid")
    assert "0" not in _status(postgresql.process.pid, "Gid")


def test_the_server_listens_on_the_loopback_interface_only(postgresql: PostgreSQL) -> None:
    assert postgresql.statement("SHOW listen_addresses") == [("127.0.0.1",)]
    assert postgresql.statement("SHOW unix_socket_directories") == [("",)]


def test_a_log_in_without_tls_is_rejected(postgresql: PostgreSQL) -> None:
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        postgresql.connect(postgresql.superuser, sslmode="disable")


def test_a_wrong_password_is_rejected(postgresql: PostgreSQL) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        postgresql.connect(Login(postgresql.administrator.username, "wrong"))
    assert "28P01" in postgresql.logs()


def test_the_administrator_creates_roles_and_is_not_a_superuser(postgresql: PostgreSQL) -> None:
    with postgresql.connect(postgresql.administrator) as session:
        session.execute("CREATE ROLE made LOGIN PASSWORD 'made'")
        with pytest.raises(errors.InsufficientPrivilege):
            session.execute("ALTER ROLE postgres PASSWORD 'taken'")
    with postgresql.connect(Login("made", "made")) as session:
        assert session.execute("SELECT current_user").fetchall() == [("made",)]
    postgresql.statement("DROP ROLE made")


def test_an_outage_refuses_connections_and_keeps_the_data(postgresql: PostgreSQL) -> None:
    postgresql.statement("CREATE TABLE kept AS SELECT 1 AS number")
    port, pid = postgresql.port, postgresql.process.pid

    with (
        postgresql.outage(),
        pytest.raises(psycopg.OperationalError, match="Connection refused"),
    ):
        postgresql.connect(postgresql.superuser)
    assert not Path(f"/proc/{pid}").exists()

    assert postgresql.port == port
    assert postgresql.statement("SELECT number FROM kept") == [(1,)]
    postgresql.statement("DROP TABLE kept")


def test_a_read_only_server_rejects_a_change(postgresql: PostgreSQL) -> None:
    with (
        postgresql.read_only(),
        postgresql.connect(postgresql.administrator) as session,
        pytest.raises(errors.ReadOnlySqlTransaction),
    ):
        session.execute("CREATE ROLE unwritten")

    postgresql.statement("CREATE ROLE written")
    postgresql.statement("DROP ROLE written")


def test_a_full_server_rejects_a_user_and_accepts_the_superuser(postgresql: PostgreSQL) -> None:
    with postgresql.full():
        with pytest.raises(psycopg.OperationalError, match="connection slots are reserved"):
            postgresql.connect(postgresql.administrator)
        assert postgresql.statement("SELECT 1") == [(1,)]
    assert "53300" in postgresql.logs()

    postgresql.connect(postgresql.administrator).close()


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.GOOD])
def test_a_client_rejects_a_wrong_certificate(kind: Kind, postgresql: PostgreSQL) -> None:
    with (
        postgresql.presenting(kind),
        pytest.raises(psycopg.OperationalError, match="certificate"),
    ):
        postgresql.connect(postgresql.superuser)

    postgresql.connect(postgresql.superuser).close()


@pytest.mark.parametrize(
    ("method", "prefix"), [("scram-sha-256", "SCRAM-SHA-256$"), ("md5", "md5")]
)
def test_a_role_logs_in_with_each_kind_of_hash(
    method: Literal["scram-sha-256", "md5"], prefix: str, postgresql: PostgreSQL
) -> None:
    login = Login("hashed", "a password")
    with postgresql.password_encryption(method):
        postgresql.statement(f"CREATE ROLE hashed LOGIN PASSWORD '{postgresql.hashed(login)}'")
    ((stored,),) = postgresql.statement(
        "SELECT rolpassword FROM pg_authid WHERE rolname = 'hashed'"
    )
    assert stored.startswith(prefix)
    postgresql.connect(login).close()
    postgresql.statement("DROP ROLE hashed")


def test_the_logs_have_a_password_that_was_sent_as_plaintext(postgresql: PostgreSQL) -> None:
    postgresql.statement("CREATE ROLE planted PASSWORD 'a planted password'")
    postgresql.statement("DROP ROLE planted")
    # In the statement log and in pg_stat_statements.
    assert postgresql.logs().count("a planted password") > 1
    assert postgresql.administrator.password not in postgresql.logs()
    assert postgresql.superuser.password not in postgresql.logs()
