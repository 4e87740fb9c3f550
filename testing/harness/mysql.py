"""Users of a real MySQL or MariaDB server, and its administrator's secret."""

import contextlib
import secrets
from collections.abc import Iterator
from typing import Final

from testing.databases.mysql_server import MySQLServer
from testing.harness.account import Aws
from testing.harness.databases import administered

# Of the examples.
_DATABASE: Final = "reports"


@contextlib.contextmanager
def mysql_users(
    aws: Aws,
    server: MySQLServer,
    *users: str,
    administrator: str = "mysql/administrator",
    encrypted: bool = False,
) -> Iterator[dict[str, object]]:
    """Add users, and return where the server is, as options of the strategy.

    Args:
        aws: the account for the administrator's secret.
        server: the server.
        users: their names.
        administrator: the name of that secret.
        encrypted: whether that secret has a customer key.
    """
    statements = [f"CREATE DATABASE IF NOT EXISTS {_DATABASE}"]
    for user in users:
        statements += [
            f"CREATE USER `{user}`@'%' IDENTIFIED BY '{secrets.token_hex(16)}'",
            f"GRANT SELECT, INSERT, CREATE ON {_DATABASE}.* TO `{user}`@'%'",
        ]
    server.statement("; ".join(statements))
    with administered(aws, server, administrator, encrypted=encrypted) as options:
        yield options
    names = ", ".join(f"`{user}{end}`@'%'" for user in users for end in ("", "_clone"))
    server.statement(f"DROP USER IF EXISTS {names}")
