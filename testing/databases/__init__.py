"""Database servers with TLS, as their users meet them: PostgreSQL."""

from testing.databases.certificates import Kind
from testing.databases.login import Login
from testing.databases.postgresql import PostgreSQL
from testing.databases.process import HOST, NotStartedError

__all__ = ["HOST", "Kind", "Login", "NotStartedError", "PostgreSQL"]
