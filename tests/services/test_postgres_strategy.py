"""The strategy postgres passes the suite for custom rotators, on a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotation.strategies import postgres
from testing.databases.versions import POSTGRESQL
from tests.services.postgresql_users import PostgresqlUsers
from tests.services.users import DatabaseSuite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation_conformance import Begin
    from testing.databases.postgresql import PostgreSQL


class _Postgres(DatabaseSuite):
    source_file = Path(postgres.__file__)

    @pytest.fixture
    def service(self, postgresql: PostgreSQL) -> Iterator[PostgresqlUsers]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
            users = PostgresqlUsers(postgresql, self.mode, administered=self.administered)
            yield users
            users.remove()


@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestAlternatingUsers(_Postgres):
    mode = "alternating_users"
    most = 1

    # tests/unit loses each answer of a fake server; an outage of this one is tested below.
    @pytest.mark.slow
    def test_an_answer_may_be_lost(self, begin: Begin) -> None:
        super().test_an_answer_may_be_lost(begin)


@pytest.mark.slow
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestSingleUser(_Postgres):
    mode = "single_user"
    administered = False
    most = 12


@pytest.mark.slow
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestSingleUserByAnAdministrator(_Postgres):
    mode = "single_user"
    most = 12


@pytest.mark.slow
@pytest.mark.parametrize("postgresql", POSTGRESQL, indirect=True)
class TestAlternatingUsersAtAllPoints(_Postgres):
    mode = "alternating_users"
