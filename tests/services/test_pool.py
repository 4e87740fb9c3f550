"""An application with a pool works while its password rotates on a real server."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import pytest
import sqlalchemy

import pool
from testing.databases.versions import POSTGRESQL
from testing.harness.account import eventually
from tests.services.mysql_users import MysqlUsers
from tests.services.postgresql_users import PostgresqlUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

    from rotation_conformance.rotator import Rotation
    from testing.databases import MySQLServer
    from testing.databases.postgresql import PostgreSQL
    from tests.services.users import Users

_WORKERS: Final = 4
_QUERIES_PER_CONNECTION: Final = 8
_PAUSE_SECONDS: Final = 0.01
_ROTATIONS: Final = [5, pytest.param(50, marks=pytest.mark.slow)]
_MODES: Final = ["alternating_users", "single_user"]


@dataclass
class _Counts:
    queries: int = 0
    # The refused log-ins of each worker.
    refused: Counter[int] = field(default_factory=Counter)
    # How long each log-in took that was refused at first.
    gaps: list[float] = field(default_factory=list)
    # The password of the last log-in of each worker.
    passwords: dict[int, str] = field(default_factory=dict)
    log_ins: int = 0


class _CountedLogIn(pool.LogIn):
    """Counts the log-ins of one application, and how long its workers waited for them."""

    counts: _Counts

    def __call__(self, *arguments: Any) -> DBAPIConnection:  # noqa: ANN401 -- those of LogIn
        worker, began = threading.get_ident(), time.monotonic()
        refused = self.counts.refused[worker]
        session = super().__call__(*arguments)
        if self.counts.refused[worker] > refused:
            self.counts.gaps.append(time.monotonic() - began)
        return session

    def connect(
        self, dialect: Dialect, value: dict[str, Any], parameters: dict[str, Any]
    ) -> DBAPIConnection:
        self.counts.log_ins += 1
        try:
            session = super().connect(dialect, value, parameters)
        except dialect.loaded_dbapi.OperationalError:
            self.counts.refused[threading.get_ident()] += 1
            raise
        self.counts.passwords[threading.get_ident()] = value["password"]
        return session


@contextmanager
def _application(
    rotation: Rotation, maximum_age: timedelta, driver: str, query: str
) -> Iterator[_Counts]:
    """Run the workers of an application with one pool. A query that fails fails the test."""

    def read() -> dict[str, Any]:
        return dict(json.loads(rotation.secret.current_text() or ""))

    log_in = _CountedLogIn(read, maximum_age)
    log_in.counts = counts = _Counts()
    engine = pool.engine(driver, log_in)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with engine.connect() as session:
                for _ in range(_QUERIES_PER_CONNECTION):
                    assert session.scalar(sqlalchemy.text(query))
                    counts.queries += 1
                    stop.wait(_PAUSE_SECONDS)
                session.invalidate()

    with ThreadPoolExecutor(_WORKERS) as threads:
        workers = [threads.submit(work) for _ in range(_WORKERS)]
        try:
            yield counts
        finally:
            stop.set()
    for worker in workers:
        worker.result()
    engine.dispose()


def _rotate(
    users: Users[Any],
    rotations: int,
    driver: str,
    query: str,
    capsys: pytest.CaptureFixture[str],
    *,
    both_work: bool,
) -> None:
    """Rotate as soon as all workers have the new password, and print what the application saw.

    Args:
        users: the application's users.
        rotations: how many times.
        driver: SQLAlchemy's name of the driver.
        query: a query that is true.
        capsys: pytest's.
        both_work: whether the server accepts the previous password until the next rotation.
            Then the secret must be read again within the overlap. Otherwise, no age is short
            enough, and a refusal alone has the secret read again.
    """
    # In 0.2 seconds, some log-ins have the previous password.
    maximum_age = timedelta(seconds=0.2) if both_work else timedelta(hours=1)
    rotation = users.rotation()
    if not users.administered:
        rotation.put_by_hand(users.first_value())
    rotation.rotate()
    with _application(rotation, maximum_age, driver, query) as counts:

        def have_moved() -> bool:
            current = json.loads(rotation.secret.current_text() or "")["password"]
            return [*counts.passwords.values()] == [current] * _WORKERS

        eventually("The first log-ins", have_moved)
        for _ in range(rotations):
            rotation.rotate()
            eventually("The switch of all workers to the new password", have_moved)
    users.remove()
    refused, gaps = counts.refused.total(), counts.gaps or [0]
    with capsys.disabled():
        sys.stderr.write(
            f"\n{users.engine} {users.server.version}, {users.mode}, "
            f"administrator: {users.administered}, {rotations} rotations, "
            f"{counts.queries} queries, {counts.log_ins} log-ins, {refused} refused, "
            f"gap {median(gaps) * 1000:.0f} ms in the median, {max(gaps) * 1000:.0f} ms at most\n"
        )
    assert counts.log_ins > _WORKERS * rotations
    if both_work:
        assert refused == 0


@pytest.mark.parametrize("rotations", _ROTATIONS)
@pytest.mark.parametrize("mode", _MODES)
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
def test_a_pool_works_while_the_password_of_postgresql_rotates(
    mode: str,
    rotations: int,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    monkeypatch.setenv("PGSSLROOTCERT", str(postgresql.ca_file))
    users = PostgresqlUsers(postgresql, mode, administered=True)
    query = "SELECT current_user = 'app'"
    both_work = mode == "alternating_users"
    _rotate(users, rotations, "postgresql+psycopg", query, capsys, both_work=both_work)


@pytest.mark.parametrize("rotations", _ROTATIONS)
@pytest.mark.parametrize(
    ("mode", "administered"),
    [
        pytest.param("alternating_users", True, id="alternating_users"),
        pytest.param("single_user", True, id="single_user"),
        pytest.param("single_user", False, id="single_user-self"),
    ],
)
def test_a_pool_works_while_the_password_of_mysql_rotates(
    mode: str,
    rotations: int,
    mysql_server: MySQLServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    administered: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(mysql_server.ca_file))
    users = MysqlUsers(mysql_server, mode, administered=administered)
    query = "SELECT count(*) = 0 FROM orders"
    both_work = mode == "alternating_users" or mysql_server.product == "mysql"
    _rotate(users, rotations, "mysql+pymysql", query, capsys, both_work=both_work)
