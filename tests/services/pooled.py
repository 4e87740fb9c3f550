"""An application with a pool of connections, while its password rotates on a real server."""

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
import sqlalchemy

from pool import LogIn
from testing.databases import Login
from testing.harness.account import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pytest

    from rotation_conformance.rotator import Rotation
    from tests.services.users import Users

_WORKERS: Final = 4
_QUERIES_PER_CONNECTION: Final = 8
_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """How SQLAlchemy connects."""

    url: str
    connect: Callable[[Login], Any]
    # Its error for a refused log-in.
    refused: type[Exception]
    query: str
    answer: object


@dataclass
class Counts:
    """The counts of an application."""

    queries: int = 0
    refused: int = 0
    longest_gap: float = 0
    # The password of the last log-in of each worker.
    passwords: dict[int, str] = field(default_factory=dict)
    log_ins: int = 0


class _CountedLogIn(LogIn):
    """Counts the log-ins of one application, and how long its workers waited for them."""

    counts: Counts
    driver: Driver

    def __call__(self) -> Any:  # noqa: ANN401 -- a connection of any driver
        refused, began = self.counts.refused, time.monotonic()
        session = super().__call__()
        if self.counts.refused > refused:
            gap = time.monotonic() - began
            self.counts.longest_gap = max(gap, self.counts.longest_gap)
        return session

    def connect(self, value: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- the same
        self.counts.log_ins += 1
        try:
            session = self.driver.connect(Login(value["username"], value["password"]))
        except self.driver.refused as error:
            self.counts.refused += 1
            raise psycopg.OperationalError from error
        self.counts.passwords[threading.get_ident()] = value["password"]
        return session


@contextmanager
def _application(rotation: Rotation, driver: Driver, maximum_age: timedelta) -> Iterator[Counts]:
    """Run the workers of an application with one pool. A query that fails fails the test."""

    def read() -> dict[str, Any]:
        return dict(json.loads(rotation.secret.current_text() or ""))

    log_in, counts = _CountedLogIn(read, maximum_age), Counts()
    log_in.counts, log_in.driver = counts, driver
    engine = sqlalchemy.create_engine(driver.url, creator=log_in)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            with engine.connect() as session:
                for _ in range(_QUERIES_PER_CONNECTION):
                    assert session.scalar(sqlalchemy.text(driver.query)) == driver.answer
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


def rotate_under_load(
    users: Users[Any],
    driver: Driver,
    rotations: int,
    *,
    both_work: bool,
    capsys: pytest.CaptureFixture[str],
) -> Counts:
    """Rotate as soon as all workers have the new password, and print what the application saw.

    Args:
        users: the application's users.
        driver: how the application connects.
        rotations: how many times.
        both_work: whether the server accepts the previous password until the next rotation.
            Then the secret must be read again within the overlap. Otherwise, no age is short
            enough, and a refusal alone has the secret read again.
        capsys: pytest's.
    """
    maximum_age = timedelta(seconds=0.05) if both_work else timedelta(hours=1)
    rotation = users.rotation()
    rotation.rotate()
    with _application(rotation, driver, maximum_age) as counts:

        def have_moved() -> bool:
            current = json.loads(rotation.secret.current_text() or "")["password"]
            return [*counts.passwords.values()] == [current] * _WORKERS

        eventually("The first log-ins", have_moved)
        for _ in range(rotations):
            rotation.rotate()
            eventually("The switch of all workers to the new password", have_moved)
    users.remove()
    assert counts.log_ins > _WORKERS * rotations
    with capsys.disabled():
        sys.stderr.write(
            f"\n{users.engine}, {users.mode}: {rotations} rotations, {counts.queries} queries, "
            f"{counts.log_ins} log-ins, {counts.refused} refused, "
            f"longest gap {counts.longest_gap * 1000:.0f} ms\n"
        )
    return counts
