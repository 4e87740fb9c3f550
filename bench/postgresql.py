"""Measures rotations of PostgreSQL passwords on one real server, beside AWS's templates.

The templates' driver is PyGreSQL, which has to be compiled. Here they call psycopg, which also
sends everything by libpq.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import databases
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import servers
from testing.harness.postgresql import postgresql_users

if TYPE_CHECKING:
    from bench.measure import Options

_DRIVER: Final = """\
import psycopg

def connect(*, database, sslrootcert=None, **options):
    return psycopg.connect(
        dbname=database, sslrootcert={!r}, cursor_factory=psycopg.ClientCursor, **options
    )
"""


def measure(options: Options) -> list[str]:
    """Return the table."""
    with servers() as running:
        server = running.get(PostgreSQL, "16")
        product = databases.Product(
            title="PostgreSQL 16",
            server=server,
            users=postgresql_users,
            change="ALTER ROLE {} PASSWORD '{}'",
            database="postgres",
            strategy="postgres",
            engine="postgres",
            folders={
                databases.SINGLE: "SecretsManagerRDSPostgreSQLRotationSingleUser",
                databases.ALTERNATING: "SecretsManagerRDSPostgreSQLRotationMultiUser",
            },
            files=lambda code: {
                "lambda_function.py": code,
                "pg.py": "from psycopg import OperationalError as InternalError\n",
                "pgdb.py": _DRIVER.format(str(server.ca_file)),
            },
            log=server.process.log,
            logged=(
                r"LOG:  00000: connection authorized: ",
                r"FATAL:  28",
                r"LOG:  00000: (?:statement|execute [^:]*): ",
            ),
        )
        return databases.measure(options, [product])
