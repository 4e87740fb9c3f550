"""The strategy postgres passes the suite for custom rotators, on a real server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rotation.strategies import postgres
from rotation_conformance import Conformance
from testing.databases.versions import POSTGRESQL
from tests.services.postgresql_users import PostgresqlUsers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rotation_conformance import Begin
    from rotation_conformance.rotator import Rotation
    from testing.databases.postgresql import PostgreSQL


class _Postgres(Conformance):
    source_file = Path(postgres.__file__)
    public = frozenset({"dbname", "username"})
    mode: str
    administered = True

    @pytest.fixture
    def service(self, postgresql: PostgreSQL) -> Iterator[PostgresqlUsers]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SSL_CERT_FILE", str(postgresql.ca_file))
            users = PostgresqlUsers(postgresql, self.mode, administered=self.administered)
            yield users
            users.remove()

    @pytest.fixture
    def begin(self, service: PostgresqlUsers) -> Begin:
        begin = self._beginning(service)
        if self.administered:
            return begin

        # The user changes its own password, so the secret must have it.
        def begin_with_a_value() -> Rotation:
            rotation = begin()
            rotation.put_by_hand(service.first_value())
            return rotation

        return begin_with_a_value


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
