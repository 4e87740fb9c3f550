"""PgBouncer follows the passwords of its server."""

from pathlib import Path
from typing import Literal

import psycopg
import pytest

from testing.databases import Login, PgBouncer, PostgreSQL

_SESSION = b"SELECT pg_backend_pid()"


def test_a_session_of_the_server_is_shared_in_one_mode_only(
    pgbouncer: PgBouncer, postgresql: PostgreSQL
) -> None:
    with (
        pgbouncer.connect(postgresql.administrator) as one,
        pgbouncer.connect(postgresql.administrator) as other,
    ):
        shared = one.execute(_SESSION).fetchall() == other.execute(_SESSION).fetchall()
    assert shared == (pgbouncer.pool_mode == "transaction")


def test_the_pool_does_not_run_as_root(pgbouncer: PgBouncer) -> None:
    assert Path(f"/proc/{pgbouncer.process.pid}").stat().st_uid != 0


@pytest.mark.parametrize("method", ["scram-sha-256", "md5"])
def test_the_pool_follows_a_new_password(
    method: Literal["scram-sha-256", "md5"], pgbouncer: PgBouncer, postgresql: PostgreSQL
) -> None:
    old, new = Login("pooled", "old"), Login("pooled", "new")
    with postgresql.password_encryption(method):
        postgresql.statement(f"CREATE ROLE pooled LOGIN PASSWORD '{postgresql.hashed(old)}'")
        pgbouncer.connect(old).close()
        postgresql.statement(f"ALTER ROLE pooled PASSWORD '{postgresql.hashed(new)}'")

    pgbouncer.connect(new).close()
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        pgbouncer.connect(old)
    postgresql.statement("DROP ROLE pooled")


def test_a_log_in_without_tls_is_rejected(pgbouncer: PgBouncer, postgresql: PostgreSQL) -> None:
    with pytest.raises(psycopg.OperationalError, match="SSL required"):
        postgresql.connect(postgresql.superuser, port=str(pgbouncer.port), sslmode="disable")
