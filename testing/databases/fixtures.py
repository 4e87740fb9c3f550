"""Fixtures of database servers. Each starts at its first use, and serves all tests of a process.

A test for several versions has the mark `parametrize("postgresql", POSTGRESQL, indirect=True)`.
With several processes, all tests of one server run in the same one.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

import pytest

from testing.databases.mariadb import mariadb as create_mariadb
from testing.databases.mysql import mysql as create_mysql
from testing.databases.pgbouncer import PgBouncer, PoolMode
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import Servers, servers
from testing.databases.versions import MARIADB, MYSQL, MYSQL_SERVERS, POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases.mysql_server import MySQLServer

# The version of a test without parameters is the first.
_VERSIONS: Final = {
    "postgresql": POSTGRESQL[0].values[0],
    "mysql": MYSQL[0].values[0],
    "mariadb": MARIADB[0].values[0],
}
_CREATE: Final = {"mysql": create_mysql, "mariadb": create_mariadb}


@pytest.fixture(scope="session")
def database_servers() -> Iterator[Servers]:
    """Starts servers, and stops them at the end."""
    with servers() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest, database_servers: Servers) -> PostgreSQL:
    """A PostgreSQL server."""
    return database_servers.get(PostgreSQL, _version(request, "postgresql"))


@pytest.fixture(scope="session")
def mysql(request: pytest.FixtureRequest, database_servers: Servers) -> MySQLServer:
    """A MySQL server."""
    return database_servers.get(create_mysql, _version(request, "mysql"))


@pytest.fixture(scope="session")
def mariadb(request: pytest.FixtureRequest, database_servers: Servers) -> MySQLServer:
    """A MariaDB server."""
    return database_servers.get(create_mariadb, _version(request, "mariadb"))


@pytest.fixture(scope="session", params=MYSQL_SERVERS)
def mysql_server(request: pytest.FixtureRequest, database_servers: Servers) -> MySQLServer:
    """Each server that speaks MySQL's protocol."""
    product, _, version = str(request.param).partition("-")
    return database_servers.get(_CREATE[product], version)


@pytest.fixture(scope="session", params=get_args(PoolMode))
def pgbouncer(request: pytest.FixtureRequest, postgresql: PostgreSQL) -> Iterator[PgBouncer]:
    """A pool of each mode in front of the PostgreSQL server."""
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        pool = PgBouncer(Path(folder), postgresql, request.param)
        pool.start()
        try:
            yield pool
        finally:
            pool.stop()


@pytest.hookimpl(tryfirst=True)  # Then pytest-xdist and tests/order.py read the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests of one server one group, because each process starts its own servers."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        parameters = callspec.params if callspec else {}
        fixtures = {*getattr(item, "fixturenames", ())}
        groups = {
            f"{name}-{parameters.get(name, _VERSIONS[name])}"
            for name in _VERSIONS.keys() & fixtures
        }
        if "mysql_server" in fixtures:
            groups.add(str(parameters["mysql_server"]))
        for group in sorted(groups):
            item.add_marker(pytest.mark.xdist_group(group))


def _version(request: pytest.FixtureRequest, name: str) -> str:
    return str(getattr(request, "param", _VERSIONS[name]))
