"""Database servers with TLS, as their users meet them: PostgreSQL, MySQL, MariaDB, PgBouncer."""

from testing.databases.certificates import Kind
from testing.databases.login import Login
from testing.databases.mysql_server import MySQLServer
from testing.databases.pgbouncer import PgBouncer
from testing.databases.postgresql import PostgreSQL
from testing.databases.process import HOST, NotStartedError

__all__ = ["HOST", "Kind", "Login", "MySQLServer", "NotStartedError", "PgBouncer", "PostgreSQL"]
