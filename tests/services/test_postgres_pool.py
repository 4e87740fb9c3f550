"""An application with a pool works while its password rotates on a real PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.services.pooled import Driver, rotate_under_load
from tests.services.postgresql_users import PostgresqlUsers

if TYPE_CHECKING:
    from testing.databases.postgresql import PostgreSQL


@pytest.mark.parametrize("rotations", [5, pytest.param(50, marks=pytest.mark.slow)])
@pytest.mark.parametrize("mode", ["alternating_users", "single_user"])
def test_a_pool_works_while_the_password_rotates(
    mode: str,
    rotations: int,
    postgresql: PostgreSQL,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
    driver = Driver(
        url="postgresql+psycopg://",
        connect=postgresql.connect,
        refused=psycopg.OperationalError,
        query="SELECT current_user",
        answer="app",
    )
    users = PostgresqlUsers(postgresql, mode, administered=True)
    both_work = mode == "alternating_users"
    counts = rotate_under_load(users, driver, rotations, both_work=both_work, capsys=capsys)
    if both_work:
        assert counts.refused == 0
