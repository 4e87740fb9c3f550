"""The second user owns, may and sees what the first one does, in each turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.databases.login import Login
from testing.databases.versions import POSTGRESQL
from tests.services.postgresql_users import PostgresqlUsers

if TYPE_CHECKING:
    import psycopg

    from rotation_conformance.rotator import Rotation
    from testing.databases.postgresql import PostgreSQL

pytestmark = pytest.mark.slow

_TURNS: Final = 4
# A DBA has prepared a schema of the user, a table of someone else with a row for this user,
# default privileges for readers, and settings.
_PREPARED: Final = """
CREATE ROLE readers;
CREATE SCHEMA sales AUTHORIZATION app;
GRANT USAGE ON SCHEMA sales TO readers;
ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA sales GRANT SELECT ON TABLES TO readers;
CREATE TABLE public.orders (customer text);
INSERT INTO public.orders VALUES ('app'), ('other');
ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON public.orders TO app USING (customer = 'app');
CREATE POLICY by_name ON public.orders TO PUBLIC USING (customer = current_user);
GRANT SELECT, UPDATE ON public.orders TO app;
ALTER ROLE app SET statement_timeout TO '17s';
ALTER ROLE app SET search_path TO sales, "a b", public;
ALTER ROLE app IN DATABASE postgres SET work_mem TO '9MB';
ALTER ROLE app CONNECTION LIMIT 7 VALID UNTIL '2100-01-01';
"""
_REMOVED: Final = """
DROP OWNED BY readers;
DROP SCHEMA sales CASCADE;
DROP TABLE public.orders;
DROP ROLE readers;
"""


def _log_in(
    server: PostgreSQL, rotation: Rotation, label: str
) -> psycopg.Connection[tuple[Any, ...]]:
    value = rotation.secret.value(label)
    return server.connect(Login(value["username"], value["password"]))


def _seen(session: psycopg.Connection[tuple[Any, ...]]) -> list[object]:
    """Return what an application sees after a pool has reset its session."""
    session.execute("DISCARD ALL")
    return [
        session.execute(query).fetchall()
        for query in (
            b"SELECT current_user",
            b"SELECT customer FROM orders",
            b"SHOW statement_timeout",
            b"SHOW search_path",
            b"SHOW work_mem",
        )
    ]


@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
def test_four_turns_change_nothing_for_the_application(
    postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    users = PostgresqlUsers(postgresql, "alternating_users", administered=True)
    rotation = users.rotation()
    rotation.put_by_hand(users.first_value())
    postgresql.statement(_PREPARED)
    with _log_in(postgresql, rotation, "AWSCURRENT") as session:
        expected = _seen(session)
    assert expected[:2] == [[("app",)], [("app",)]]
    taken = []
    for turn in range(_TURNS):
        rotation.rotate()
        taken.append(rotation.secret.value("AWSCURRENT")["username"])
        for label in ("AWSCURRENT", "AWSPREVIOUS"):
            with _log_in(postgresql, rotation, label) as session:
                assert _seen(session) == expected
                name = f"{label}_{turn}"
                session.execute(f"CREATE TABLE {name} ()".encode())
                session.execute(f"INSERT INTO {name} DEFAULT VALUES".encode())
                # Those of all turns before, too.
                for (other,) in postgresql.statement(
                    "SELECT tablename FROM pg_tables WHERE schemaname = 'sales'"
                ):
                    session.execute(f"ALTER TABLE {other} ADD column_{name} int".encode())
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'sales'"
        assert postgresql.statement(owners) == [("app",)]
        readable = (
            "SELECT DISTINCT has_table_privilege('readers', c.oid, 'SELECT') FROM pg_class c "
            "WHERE relnamespace = 'sales'::regnamespace"
        )
        assert postgresql.statement(readable) == [(True,)]
        limits = "SELECT DISTINCT rolconnlimit, rolvaliduntil FROM pg_roles WHERE rolname ~ '^app'"
        assert len(postgresql.statement(limits)) == 1
    assert taken == ["app_clone", "app"] * (_TURNS // 2)
    postgresql.statement(_REMOVED)
    users.remove()
