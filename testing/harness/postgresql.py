"""Users of a real PostgreSQL server, and its administrator's secret."""

import contextlib
from collections.abc import Iterator
from typing import Final

from testing.databases.postgresql import PostgreSQL
from testing.harness.account import Aws
from testing.harness.databases import administered

# Of the example.
_DATABASE: Final = "reports"


@contextlib.contextmanager
def postgresql_users(
    aws: Aws,
    server: PostgreSQL,
    *users: str,
    administrator: str = "postgresql/administrator",
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
    if (_DATABASE,) not in server.statement("SELECT datname FROM pg_database"):
        server.statement(f"CREATE DATABASE {_DATABASE}")
    for user in users:
        server.statement(f'CREATE ROLE "{user}" LOGIN')
        server.statement(f'GRANT "{user}" TO {server.administrator.username} WITH ADMIN OPTION')
    with administered(aws, server, administrator, encrypted=encrypted) as options:
        yield options
    for user in users:
        server.statement(f'DROP ROLE IF EXISTS "{user}_clone"')
        server.statement(f'DROP ROLE "{user}"')
