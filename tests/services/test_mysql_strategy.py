"""The strategy mysql passes the suite for custom rotators, on real servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotation.engine import Outcome
from rotation.errors import ServiceUnavailable
from rotation.event import Step
from rotation.services.mysql import session
from rotation.strategies import mysql as strategy
from rotation_conformance.rotator import assert_converged
from tests.services.mysql_users import MysqlUsers
from tests.services.users import DatabaseSuite, require_forgetting, revoke, watched

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rotation_conformance import Begin
    from testing.databases import MySQLServer


class _Strategy(DatabaseSuite):
    source_file = Path(strategy.__file__)

    @pytest.fixture
    def service(self, mysql_server: MySQLServer) -> Iterator[MysqlUsers]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(mysql_server.ca_file))
            users = MysqlUsers(
                mysql_server, self.mode, administered=self.administered, remembers=True
            )
            yield users
            users.remove()
            users.close()


_EACH_MODE = pytest.mark.parametrize(
    ("mode", "administered"),
    [
        pytest.param("alternating_users", True, id="alternating_users"),
        pytest.param("single_user", True, id="single_user"),
        pytest.param("single_user", False, id="single_user-self"),
    ],
)


@_EACH_MODE
def test_rotations_are_clean(mode: str, mysql_server: MySQLServer, *, administered: bool) -> None:
    """The suite runs for one mode of MySQL, and in `make test-slow` for all."""
    both_work = mode == "alternating_users" or mysql_server.product == "mysql"
    works = 2 if both_work else 1
    values = _rotated(mode, mysql_server, works=works, administered=administered)
    logged = mysql_server.logs()
    assert [value for value in values if value["password"] in logged] == []


@pytest.mark.parametrize(
    ("mode", "administered"),
    [
        pytest.param("alternating_users", True, id="alternating_users", marks=pytest.mark.slow),
        pytest.param("single_user", True, id="single_user"),
        pytest.param("single_user", False, id="single_user-self", marks=pytest.mark.slow),
    ],
)
def test_a_leaked_password_and_its_sessions_end(
    mysql_server: MySQLServer, mode: str, monkeypatch: pytest.MonkeyPatch, *, administered: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(mysql_server.ca_file))
    revoke(MysqlUsers(mysql_server, mode, administered=administered))


@_EACH_MODE
def test_mariadb_may_receive_the_password_itself(
    mode: str, mariadb: MySQLServer, *, administered: bool
) -> None:
    works = 2 if mode == "alternating_users" else 1
    values = _rotated(mode, mariadb, works=works, administered=administered, hash_password=False)
    logged = mariadb.logs()
    assert all(value["password"] in logged for value in values)


@pytest.mark.parametrize(
    ("mysql_server", "mode"),
    [
        ("mysql-8.0.31", "single_user"),
        pytest.param("mysql-8.0.31", "alternating_users", marks=pytest.mark.slow),
        pytest.param("mariadb-10.11", "alternating_users", marks=pytest.mark.slow),
        pytest.param("mariadb-11.4", "alternating_users", marks=pytest.mark.slow),
    ],
    indirect=["mysql_server"],
)
def test_a_delivery_goes_on_after_one_that_lambda_froze_under_the_lock(
    mysql_server: MySQLServer, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(mysql_server.ca_file))
    users = MysqlUsers(mysql_server, mode, administered=True)
    others: list[Outcome] = []

    def reach(sql: str) -> None:
        if " IDENTIFIED " in sql:
            frozen.append(sql)
            # The first delivery stays here until the second one is over.
            if len(frozen) == 1:
                others.append(rotation.step(Step.SET, token))

    frozen: list[str] = []
    rotation = users.rotation(log_in=watched(session.log_in, reach))
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    with pytest.raises(ServiceUnavailable):
        rotation.step(Step.SET, token)
    assert others == [Outcome.DONE]
    rotation.steps(token)
    assert_converged(rotation)
    users.remove()


def test_a_log_in_is_remembered_only_while_the_accounts_stay_the_same(
    mysql_server: MySQLServer,
) -> None:
    require_forgetting(MysqlUsers(mysql_server, "single_user", administered=False, remembers=True))


def _rotated(
    mode: str, server: MySQLServer, *, works: int, administered: bool, **options: object
) -> Sequence[Mapping[str, str]]:
    """Rotate, check which passwords work, and return all values."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(server.ca_file))
        # A log has these in another form.
        options["exclude_characters"] = "'\\"
        users = MysqlUsers(server, mode, administered=administered, options=options)
        rotation = users.rotation()
        if not administered:
            rotation.put_by_hand(users.first_value())
        values = []
        for _ in range(4):
            rotation.rotate()
            values.append(rotation.secret.value())
        assert [users.works(value) for value in values] == [False] * (4 - works) + [True] * works
        users.remove()
    return values


@pytest.mark.parametrize("mysql_server", ["mysql-8.0.31"], indirect=True)
class TestSingleUser(_Strategy):
    mode = "single_user"
    administered = False
    most = 1

    # tests/unit loses each answer of a fake server, and test_mysql.py stops a real one.
    @pytest.mark.slow
    def test_an_answer_may_be_lost(self, begin: Begin) -> None:
        super().test_an_answer_may_be_lost(begin)

    @pytest.mark.slow
    def test_an_outage_is_not_a_rejection(self, begin: Begin) -> None:
        super().test_an_outage_is_not_a_rejection(begin)


@pytest.mark.slow
class TestSingleUserAtAllPoints(_Strategy):
    mode = "single_user"
    administered = False


@pytest.mark.slow
class TestSingleUserByAnAdministratorAtAllPoints(_Strategy):
    mode = "single_user"


@pytest.mark.slow
class TestAlternatingUsersAtAllPoints(_Strategy):
    mode = "alternating_users"
