"""An application with a pool works while its password rotates on a real server."""

from __future__ import annotations

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
import sqlalchemy

from pool import LogIn
from testing.harness.account import eventually
from tests.services.postgresql_users import PostgresqlUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation_conformance.rotator import Rotation
    from testing.databases.postgresql import PostgreSQL

_WORKERS: Final = 4
_QUERIES_PER_CONNECTION: Final = 8
_PAUSE_SECONDS: Final = 0.01
_ROTATIONS: Final = [5, pytest.param(50, marks=pytest.mark.slow)]
# With two users, the secret must be read again within the overlap. With one user, no age is short
# enough, and a refusal alone has the secret read again.
_MAXIMUM_AGES: Final = {
    "alternating_users": timedelta(seconds=0.05),
    "single_user": timedelta(hours=1),
}


@dataclass
class _Counts:
    queries: int = 0
    refused: int = 0
    longest_gap: float = 0
    # The password of the last log-in of each worker.
    passwords: dict[int, str] = field(default_factory=dict)
    log_ins: int = 0


class _CountedLogIn(LogIn):
    """Counts the log-ins of one application, and how long its workers waited for them."""

    counts: _Counts

    def __call__(self) -> psycopg.Connection[Any]:
        refused, began = self.counts.refused, time.monotonic()
        session = super().__call__()
        if self.counts.refused > refused:
            gap = time.monotonic() - began
            self.counts.longest_gap = max(gap, self.counts.longest_gap)
        return session

    def connect(self, value: dict[str, Any]) -> psycopg.Connection[Any]:
        self.counts.log_ins += 1
        try:
            session = super().connect(value)
        except psycopg.OperationalError:
            self.counts.refused += 1
            raise
        self.counts.passwords[threading.get_ident()] = value["password"]
        return session


@contextmanager
def _application(rotation: Rotation, maximum_age: timedelta, ca_file: str) -> Iterator[_Counts]:
    """Run the workers of an application with one pool. A query that fails fails the test."""

    def read() -> dict[str, Any]:
        return dict(json.loads(rotation.secret.current_text() or ""))

    log_in = _CountedLogIn(read, maximum_age, sslrootcert=ca_file, dbname="postgres")
    log_in.counts = counts = _Counts()
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=log_in)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with engine.connect() as session:
                for _ in range(_QUERIES_PER_CONNECTION):
                    user = session.scalar(sqlalchemy.text("SELECT current_user"))
                    assert user == "app"
                    counts.queries += 1
                    stop.wait(_PAUSE_SECONDS)
                session.invalidate()

    with ThreadPoolExecutor(_WORKERS) as pool:
        workers = [pool.submit(work) for _ in range(_WORKERS)]
        try:
            yield counts
        finally:
            stop.set()
    for worker in workers:
        worker.result()
    engine.dispose()


@pytest.mark.parametrize("rotations", _ROTATIONS)
@pytest.mark.parametrize("mode", _MAXIMUM_AGES)
def test_a_pool_works_while_the_password_rotates(
    mode: str,
    rotations: int,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    users = PostgresqlUsers(postgresql, mode, administered=True)
    rotation = users.rotation()
    rotation.rotate()
    with _application(rotation, _MAXIMUM_AGES[mode], str(postgresql.ca_file)) as counts:

        def have_moved() -> bool:
            current = json.loads(rotation.secret.current_text() or "")["password"]
            return [*counts.passwords.values()] == [current] * _WORKERS

        eventually("The first log-ins", have_moved)
        for _ in range(rotations):
            rotation.rotate()
            eventually("The switch of all workers to the new password", have_moved)
    users.remove()

    assert counts.log_ins > _WORKERS * rotations
    if mode == "alternating_users":
        assert counts.refused == 0
    with capsys.disabled():
        sys.stderr.write(
            f"\n{mode}: {rotations} rotations, {counts.queries} queries, {counts.log_ins} "
            f"log-ins, {counts.refused} refused, longest gap {counts.longest_gap * 1000:.0f} ms\n"
        )
