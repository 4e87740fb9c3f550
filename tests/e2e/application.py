"""An application of a database, which runs while its secret moves here."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg
import pymysql

from testing.databases.login import Login
from testing.harness.account import Secret, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testing.databases.mysql_server import MySQLServer
    from testing.databases.postgresql import PostgreSQL
    from testing.harness.account import Aws


_Session: TypeAlias = "psycopg.Connection[tuple[Any, ...]] | pymysql.Connection[Any]"


class Application:
    """Reads the secret for each log-in, queries, and keeps its first connection open."""

    def __init__(
        self, server: PostgreSQL | MySQLServer, aws: Aws, secret_id: str, query: str
    ) -> None:
        self._server = server
        self._secret = Secret(aws, secret_id)
        self._query = query.encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.users: list[str] = []
        """Those of the log-ins, in their order."""
        self.failures: list[str] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run for the length of the block, or until it is stopped."""
        self._thread.start()
        try:
            eventually("The first query", lambda: self.users or self.failures)
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        with self._log_in() as first:
            while not self._stop.wait(0.05):
                try:
                    with self._log_in() as session:
                        self._ask(session)
                    self._ask(first)
                except (psycopg.Error, pymysql.MySQLError) as error:
                    self.failures.append(str(error))

    def _ask(self, session: _Session) -> None:
        with session.cursor() as cursor:
            cursor.execute(self._query)

    def _log_in(self) -> _Session:
        value = self._secret.value()
        session = self._server.connect(Login(value["username"], value["password"]))
        self.users.append(value["username"])
        return session
