"""A pool of connections to PostgreSQL, MySQL or MariaDB, whose password rotates."""

import json
import ssl
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import sqlalchemy
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

# How long to try again after a refusal, and how often.
PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.02


class LogIn:
    """Opens a connection. Reads the secret again after the maximum age, and after a refusal."""

    def __init__(
        self, read: Callable[[], dict[str, Any]], maximum_age: timedelta = timedelta(minutes=30)
    ) -> None:
        self._read = read
        self._maximum_age = maximum_age.total_seconds()
        self._lock = threading.Lock()
        self._value: dict[str, Any] = {}
        self._read_at = 0.0

    def __call__(
        self, dialect: Dialect, _record: object, _arguments: object, parameters: dict[str, Any]
    ) -> DBAPIConnection:
        """Log in, and try again for a while: with one password, the new one comes last."""
        end = time.monotonic() + PATIENCE_SECONDS
        value = self._current()
        while True:
            try:
                return self.connect(dialect, value, parameters)
            except dialect.loaded_dbapi.OperationalError:
                if time.monotonic() > end:
                    raise
            time.sleep(PAUSE_SECONDS)
            value = self._current(refused=value)

    def connect(
        self, dialect: Dialect, value: dict[str, Any], parameters: dict[str, Any]
    ) -> DBAPIConnection:
        """Log in once."""
        url = sqlalchemy.URL.create(
            dialect.name,
            username=value["username"],
            password=value["password"],
            host=value["host"],
            port=int(value["port"]),
            database=value.get("dbname"),
        )
        _, of_secret = dialect.create_connect_args(url)
        return dialect.connect(**{**parameters, **of_secret})

    def _current(self, refused: dict[str, Any] | None = None) -> dict[str, Any]:
        with self._lock:
            is_old = time.monotonic() - self._read_at > self._maximum_age
            if not self._value or self._value == refused or is_old:
                self._value, self._read_at = self._read(), time.monotonic()
            return self._value


def reader(secret_id: str) -> Callable[[], dict[str, Any]]:
    """Return a function that reads the secret."""
    client = boto3.client("secretsmanager")
    return lambda: json.loads(client.get_secret_value(SecretId=secret_id)["SecretString"])


def engine(driver: str, log_in: LogIn) -> sqlalchemy.Engine:
    """Return SQLAlchemy's pool for the database in the secret.

    Args:
        driver: "postgresql+psycopg", or "mysql+pymysql" for MySQL and MariaDB.
        log_in: its maximum age must be shorter than the minimum overlap.
    """
    tls: dict[str, dict[str, Any]] = {
        "postgresql+psycopg": {"sslmode": "verify-full"},
        "mysql+pymysql": {"ssl": ssl.create_default_context()},
    }
    pool = sqlalchemy.create_engine(f"{driver}://", connect_args=tls[driver])
    sqlalchemy.event.listen(pool, "do_connect", log_in)
    return pool
