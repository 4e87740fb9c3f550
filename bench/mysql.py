"""Measures rotations of passwords on real servers of MySQL and MariaDB, beside AWS's templates."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from bench import databases
from testing.databases.mariadb import mariadb
from testing.databases.mysql import mysql
from testing.databases.servers import servers
from testing.harness.mysql import mysql_users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.measure import Options
    from testing.databases.mysql_server import MySQLServer
    from testing.local_aws import LocalAws

# Where the templates look for the authorities.
_AUTHORITIES: Final = "/etc/pki/tls/cert.pem"


def measure(options: Options) -> list[str]:
    """Return the table of both products, whose rotations run in turn."""
    with servers() as running:
        return databases.measure(
            options,
            [
                _product("MySQL 8.0", running.get(mysql, "8.0.31")),
                _product("MariaDB 10.11", running.get(mariadb, "10.11")),
            ],
        )


def _product(title: str, server: MySQLServer) -> databases.Product:
    name = title.partition(" ")[0]
    return databases.Product(
        title=title,
        server=server,
        users=_users,
        change="ALTER USER `{}`@'%' IDENTIFIED BY '{}'",
        database="reports",
        strategy="mysql",
        engine=server.product,
        folders={
            databases.SINGLE: f"SecretsManagerRDS{name}RotationSingleUser",
            databases.ALTERNATING: f"SecretsManagerRDS{name}RotationMultiUser",
        },
        files=lambda code: {"lambda_function.py": code.replace(_AUTHORITIES, str(server.ca_file))},
        log=server.ca_file.with_name("general.log"),
        logged=(
            # A refused one has two lines.
            r"\b(\d+) Connect\t(?!Access denied).*\n(?!.*\b\1 Connect\tAccess denied)",
            r"\d Connect\tAccess denied",
            r"\d Query\t",
        ),
        options={"engine": server.product},
    )


@contextmanager
def _users(aws: LocalAws, server: MySQLServer, *users: str) -> Iterator[None]:
    with mysql_users(aws, server, *users, administrator=server.product):
        if server.product == "mysql":
            # A user with two passwords needs it to change its own.
            for user in (one for one in users if one.endswith(databases.SINGLE)):
                server.statement(f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO `{user}`@'%'")
        yield
