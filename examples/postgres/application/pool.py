"""A pool of PostgreSQL connections whose password rotates, without a restart."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import psycopg
import sqlalchemy

# How long to try again after a refusal, and how often.
PATIENCE_SECONDS = 30
PAUSE_SECONDS = 0.02


class LogIn:
    """Opens a connection. Reads the secret again after the maximum age, and after a refusal."""

    def __init__(
        self,
        read: Callable[[], dict[str, Any]],
        maximum_age: timedelta = timedelta(minutes=30),
        **parameters: str,
    ) -> None:
        self._read = read
        self._maximum_age = maximum_age.total_seconds()
        self._parameters = parameters
        self._lock = threading.Lock()
        self._value: dict[str, Any] = {}
        self._read_at = 0.0

    def __call__(self) -> psycopg.Connection[Any]:
        """Log in, and try again for a while: with single_user, the new password comes last."""
        end = time.monotonic() + PATIENCE_SECONDS
        value = self._current()
        while True:
            try:
                return self.connect(value)
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
            time.sleep(PAUSE_SECONDS)
            value = self._current(refused=value)

    def connect(self, value: dict[str, Any]) -> psycopg.Connection[Any]:
        """Log in once."""
        parameters = {
            "host": value["host"],
            "port": value["port"],
            "dbname": value.get("dbname"),
            "user": value["username"],
            "password": value["password"],
            "sslmode": "verify-full",
            **self._parameters,
        }
        return psycopg.connect(**parameters)

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


def engine(
    secret_id: str, maximum_age: timedelta = timedelta(minutes=30), **parameters: str
) -> sqlalchemy.Engine:
    """Return SQLAlchemy's pool for the database in the secret.

    The maximum age must be shorter than the minimum overlap. The parameters are those of libpq.
    """
    log_in = LogIn(reader(secret_id), maximum_age, **parameters)
    return sqlalchemy.create_engine("postgresql+psycopg://", creator=log_in)
