"""Queries the database with one pool, in several threads, while the password rotates.

Prints one line of JSON per second, and a last one when it is stopped.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import sqlalchemy
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

import pool

QUERIES_PER_CONNECTION = 8


class Meter(pool.LogIn):
    """Counts queries, log-ins and failures, and remembers the last user of each thread."""

    def __init__(self, read: Callable[[], dict[str, Any]], maximum_age: timedelta) -> None:
        super().__init__(read, maximum_age)
        self._counting = threading.Lock()
        self._counts = {"requests": 0, "log_ins": 0, "failed": 0}
        self._last_failure: str | None = None
        self._users: dict[int, str] = {}

    def connect(
        self, dialect: Dialect, value: dict[str, Any], parameters: dict[str, Any]
    ) -> DBAPIConnection:
        """Log in once, and count it. A refusal is a failure."""
        self.count("log_ins")
        try:
            session = super().connect(dialect, value, parameters)
        except dialect.loaded_dbapi.OperationalError as error:
            self.count("failed", type(error).__name__)
            raise
        self._users[threading.get_ident()] = value["username"]
        return session

    def count(self, name: str, failure: str | None = None) -> None:
        """Count one event."""
        with self._counting:
            self._counts[name] += 1
            self._last_failure = failure or self._last_failure

    def report(self) -> None:
        """Write one line of JSON."""
        with self._counting:
            in_use = sorted({*self._users.copy().values()})
            line = {**self._counts, "last_failure": self._last_failure, "in_use": in_use}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Run until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver", help="postgresql+psycopg or mysql+pymysql")
    parser.add_argument("secret_id", help="name or ARN of the secret")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--maximum-age", type=float, default=1800, metavar="SECONDS")
    parser.add_argument("--report-every", type=float, default=1, metavar="SECONDS")
    given = parser.parse_args()

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())

    meter = Meter(pool.reader(given.secret_id), timedelta(seconds=given.maximum_age))
    engine = pool.engine(given.driver, meter)

    def work() -> None:
        while not stop.is_set():
            with engine.connect() as session:
                for _ in range(QUERIES_PER_CONNECTION):
                    try:
                        session.execute(sqlalchemy.text("SELECT current_user"))
                    except sqlalchemy.exc.DBAPIError as error:
                        meter.count("failed", type(error.orig).__name__)
                        break
                    meter.count("requests")
                    stop.wait(0.05)
                # A pool keeps a connection. This one leaves, so that there are many log-ins.
                session.invalidate()

    with ThreadPoolExecutor(given.workers) as threads:
        workers = [threads.submit(work) for _ in range(given.workers)]
        while not stop.wait(given.report_every) and not any(worker.done() for worker in workers):
            meter.report()
        stop.set()
    meter.report()
    for worker in workers:
        worker.result()


if __name__ == "__main__":
    main()
