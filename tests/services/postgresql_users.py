"""The users of a real PostgreSQL server, as the suite for custom rotators sees them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import psycopg

from rotation.services.postgresql.quoting import quote_identifier, quote_literal
from rotation.strategies import postgres
from testing.databases import Login, PostgreSQL
from tests.services.users import Users


class PostgresqlUsers(Users[PostgreSQL]):
    """One application's users."""

    strategy = postgres
    engine = "postgres"
    accounts_query = """
        SELECT r::text, rolvaliduntil < now() FROM pg_authid r
        UNION ALL SELECT m::text, null FROM pg_auth_members m
        UNION ALL SELECT s::text, null FROM pg_db_role_setting s
        ORDER BY 1
    """

    def create(self) -> None:
        user = quote_identifier(self.first.username)
        self.server.statement(f"CREATE ROLE {user} LOGIN")
        self.set_password(self.first)
        administrator = self.server.administrator.username
        self.server.statement(f"GRANT {user} TO {administrator} WITH ADMIN OPTION")

    def set_password(self, login: Login) -> None:
        # The server takes a password that looks like a hash for one.
        user, hashed = quote_identifier(login.username), quote_literal(self.server.hashed(login))
        self.server.statement(f"ALTER ROLE {user} PASSWORD {hashed}")

    def remove(self) -> None:
        for name in (self.clone, self.first.username):
            self.server.statement(f"DROP ROLE IF EXISTS {quote_identifier(name)}")

    def log_in(self, value: Any) -> bool:  # noqa: ANN401 -- the JSON of a secret
        login = Login(value["username"], value["password"])
        with suppress(psycopg.OperationalError), self.server.connect(login) as session:
            row = session.execute("SELECT current_user").fetchone()
            return row == (self.first.username,)
        return False
