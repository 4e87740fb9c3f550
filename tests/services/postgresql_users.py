"""The users of a real PostgreSQL server, as the suite for custom rotators sees them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import psycopg

from rotation.settings import OptionReader
from rotation.strategies import postgres
from rotation_conformance import Account, ServiceUnderTest
from rotation_conformance.rotator import Rotation
from testing.databases.login import Login

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from testing.databases.postgresql import PostgreSQL

USER: Final = "app"
_NAMES: Final = (USER, f"{USER}_clone")


class PostgresqlUsers(ServiceUnderTest):
    """One application's users."""

    def __init__(self, server: PostgreSQL, mode: str, *, administered: bool) -> None:
        self._server = server
        self._mode = mode
        self._administered = administered
        self._first = Login(USER, "the first password")

    def reset(self, account: Account) -> Mapping[str, object]:
        server = self._server
        self.remove()
        server.statement(f"CREATE ROLE {USER} LOGIN PASSWORD '{self._first.password}'")
        administrator = server.administrator
        server.statement(f"GRANT {USER} TO {administrator.username} WITH ADMIN OPTION")
        value = {"username": administrator.username, "password": administrator.password}
        admin = account.add_secret("database/administrator", json.dumps(value))
        options: dict[str, object] = {"admin_secret_arn": admin.arn} if self._administered else {}
        return options | {
            "mode": self._mode,
            "host": server.host,
            "port": server.port,
            "dbname": "postgres",
            "username": USER,
            "password_length": 32,
            "exclude_characters": None,
            "hash_password": True,
        }

    def rotation(self) -> Rotation:
        """Return the rotation of a secret without a value, after a reset."""
        account = Account()
        options = dict(self.reset(account))
        return Rotation(
            cloud=account,
            secret=account.add_secret("app/database"),
            strategy=lambda clients: postgres.build(OptionReader(options, path="options"), clients),
            service=self,
        )

    def remove(self) -> None:
        for name in reversed(_NAMES):
            self._server.statement(f"DROP ROLE IF EXISTS {name}")

    def first_value(self) -> str:
        """Return the value that an operator puts before the first rotation."""
        fields = {"engine": "postgres", "host": self._server.host, "port": str(self._server.port)}
        return json.dumps({**fields, "username": USER, "password": self._first.password})

    def works(self, value: Any) -> bool:  # noqa: ANN401 -- the JSON of a secret
        login = Login(value["username"], value["password"])
        with suppress(psycopg.OperationalError), self._server.connect(login) as session:
            return session.execute("SELECT current_user").fetchone() == (USER,)
        return False

    def identity(self, value: Any) -> str:  # noqa: ANN401 -- the same
        return f"{value['username']} {value['password']}"

    def ours(self) -> set[str]:
        return set()

    def outage(self) -> AbstractContextManager[None]:
        return self._server.outage()
