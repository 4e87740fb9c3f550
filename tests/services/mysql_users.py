"""The users of a real MySQL or MariaDB server, as the suite for custom rotators sees them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pymysql

from rotation_conformance import ServiceUnderTest
from testing.databases.login import Login

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from rotation_conformance import Account
    from testing.databases import MySQLServer

USER: Final = "app"
_NAMES: Final = f"{USER}, {USER}_clone"


class MysqlUsers(ServiceUnderTest):
    """One application's users."""

    def __init__(
        self, server: MySQLServer, mode: str, *, administered: bool, **options: object
    ) -> None:
        self._server = server
        self._mode = mode
        self._administered = administered
        self._options = options
        self._first = Login(USER, "the first password")

    def reset(self, account: Account) -> Mapping[str, object]:
        self.remove()
        self._server.statement(
            f"CREATE USER {USER} IDENTIFIED BY '{self._first.password}'; "
            f"CREATE DATABASE shop; CREATE TABLE shop.orders (number INT); "
            f"GRANT SELECT ON shop.* TO {USER}"
        )
        if self._server.product == "mysql" and not self._administered:
            self._server.statement(f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {USER}")
        administrator = self._server.administrator
        value = {"username": administrator.username, "password": administrator.password}
        admin = account.add_secret("database/administrator", json.dumps(value))
        options: dict[str, object] = {"admin_secret_arn": admin.arn} if self._administered else {}
        return options | {
            "engine": self._server.product,
            "mode": self._mode,
            "host": self._server.host,
            "port": self._server.port,
            "dbname": "shop",
            "username": USER,
            "password_length": 32,
            "exclude_characters": None,
            "hash_password": True,
            **self._options,
        }

    def remove(self) -> None:
        self._server.statement(f"DROP USER IF EXISTS {_NAMES}; DROP DATABASE IF EXISTS shop")

    def first_value(self) -> str:
        """Return the value that an operator puts before the first rotation."""
        fields = {
            "engine": self._server.product,
            "host": self._server.host,
            "port": str(self._server.port),
        }
        return json.dumps({**fields, "username": USER, "password": self._first.password})

    def works(self, value: Any) -> bool:  # noqa: ANN401 -- the JSON of a secret
        login = Login(value["username"], value["password"])
        with (
            suppress(pymysql.OperationalError),
            self._server.connect(login) as session,
            session.cursor() as cursor,
        ):
            cursor.execute("SELECT number FROM shop.orders")
            return True
        return False

    def identity(self, value: Any) -> str:  # noqa: ANN401 -- the same
        return f"{value['username']} {value['password']}"

    def ours(self) -> set[str]:
        return set()

    def outage(self) -> AbstractContextManager[None]:
        return self._server.outage()
