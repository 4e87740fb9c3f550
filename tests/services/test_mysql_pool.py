"""An application with a pool works while its password rotates on a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pymysql
import pytest

from tests.services.mysql_users import MysqlUsers
from tests.services.pooled import Driver, rotate_under_load

if TYPE_CHECKING:
    from testing.databases import MySQLServer


@pytest.mark.parametrize(
    ("mysql_server", "mode", "rotations"),
    [
        ("mysql-8.0.31", "single_user", 5),
        *(
            pytest.param(server, mode, 50, marks=pytest.mark.slow)
            for server in ("mysql-8.0.31", "mariadb-10.11")
            for mode in ("alternating_users", "single_user")
        ),
    ],
    indirect=["mysql_server"],
)
def test_a_pool_works_while_the_password_rotates(
    mode: str,
    rotations: int,
    mysql_server: MySQLServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(mysql_server.ca_file))
    driver = Driver(
        url="mysql+pymysql://",
        connect=mysql_server.connect,
        refused=pymysql.OperationalError,
        query="SELECT COUNT(*) FROM shop.orders",
        answer=0,
    )
    users = MysqlUsers(mysql_server, mode, administered=True)
    both_work = mode == "alternating_users" or mysql_server.product == "mysql"
    counts = rotate_under_load(users, driver, rotations, both_work=both_work, capsys=capsys)
    if both_work:
        assert counts.refused == 0
