"""The users of a real MySQL or MariaDB server, as the suite for custom rotators sees them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import pymysql

from rotation.services.mysql.quoting import literal
from rotation.strategies import mysql
from testing.databases import Login, MySQLServer
from tests.services.users import Users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rotation_conformance import Account

# The first user has a grant for each, and the second one gets them one by one.
_TABLES: Final = ("shop.customers", "shop.items", "shop.orders", "shop.prices")


class MysqlUsers(Users[MySQLServer]):
    """One application's users."""

    strategy = mysql

    @property
    def accounts_query(self) -> str:
        users = "mysql.user" if self.engine == "mysql" else "mysql.global_priv"
        grant = "CONCAT_WS(' ', host, user, db, table_name, table_priv)"
        grants = f"SELECT SUM(CRC32({grant})) FROM mysql.tables_priv"  # noqa: S608 -- all are ours
        return f"SELECT users.*, ({grants}) FROM {users} users"  # noqa: S608 -- all are ours

    @property
    def engine(self) -> str:
        return self.server.product

    def reset(self, account: Account) -> Mapping[str, object]:
        options = {**super().reset(account), "engine": self.engine, "dbname": "shop"}
        return options | self.options

    def create(self) -> None:
        user = literal(self.first.username)
        statements = [f"CREATE USER {user} IDENTIFIED BY {literal(self.first.password)}"]
        statements += ["CREATE DATABASE shop"]
        for table in _TABLES:
            statements += [f"CREATE TABLE {table} (number INT)"]
            statements += [f"GRANT SELECT ON {table} TO {user}"]
        self.server.statement("; ".join(statements))
        if self.engine == "mysql" and not self.administered:
            self.server.statement(f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {user}")

    def set_password(self, login: Login) -> None:
        user = literal(login.username)
        self.server.statement(f"ALTER USER {user} IDENTIFIED BY {literal(login.password)}")
        if self.engine == "mysql":
            self.server.statement(f"ALTER USER {user} DISCARD OLD PASSWORD")

    def remove(self) -> None:
        names = f"{literal(self.first.username)}, {literal(self.clone)}"
        self.server.statement(f"DROP USER IF EXISTS {names}; DROP DATABASE IF EXISTS shop")

    def log_in(self, value: Any) -> bool:  # noqa: ANN401 -- the JSON of a secret
        login = Login(value["username"], value["password"])
        with (
            suppress(pymysql.OperationalError),
            self.server.connect(login) as session,
            session.cursor() as cursor,
        ):
            cursor.execute(f"SELECT * FROM {', '.join(_TABLES)}")  # noqa: S608 -- all are ours
            return True
        return False
