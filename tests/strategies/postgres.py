"""The password of a PostgreSQL user, on a real server."""

import contextlib
import json
from collections.abc import Iterator, Mapping

import psycopg

from testing.databases.login import Login
from testing.databases.postgresql import PostgreSQL
from testing.databases.process import HOST
from testing.harness.account import Aws, Secret
from tests.e2e.databases import example_variables, grants, leaks, rotation_of
from tests.e2e.postgresql import postgresql_users
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.plan import postgres
from tests.strategies import RotatorUnderTest
from tests.unit import postgresql_server


def _log_in(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    with psycopg.connect(
        host=HOST,
        port=int(value["port"]),
        user=value["username"],
        password=value["password"],
        dbname="postgres",
        sslmode="require",
    ) as session:
        row = session.execute("SELECT current_user").fetchone()
    if row != (value["username"].removesuffix("_clone"),):
        raise NotWorkingError


class _Walk(Walk):
    """The value is the password of one of two users, and both work."""

    local_only = "Its function uses the local PostgreSQL, which AWS cannot reach."

    @property
    def postgresql(self) -> PostgreSQL:
        return self.databases.get(PostgreSQL, "16")

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with postgresql_users(aws, self.postgresql, "app") as server:
            self.variables |= example_variables(server)
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        values = [json.loads(text) for text in self.values]
        assert [value["username"] for value in values[-2:]] in (
            ["app", "app_clone"],
            ["app_clone", "app"],
        )
        assert [self._works(value) for value in values] == [False] * (len(values) - 2) + [True] * 2
        logged = self.postgresql.logs()
        assert [value for value in values if value["password"] in logged] == []

    def _works(self, value: Mapping[str, str]) -> bool:
        login = Login(value["username"], value["password"])
        with (
            contextlib.suppress(psycopg.OperationalError),
            self.postgresql.connect(login) as session,
        ):
            return session.execute("SELECT current_user").fetchone() == ("app",)
        return False


_ROTATION = rotation_of("database")

STRATEGY = RotatorUnderTest(
    name="postgres",
    files=(
        "lambda/rotation/services/database.py",
        "lambda/rotation/services/postgresql/*",
        "testing/databases/*",
        "tests/e2e/postgresql.py",
        "tests/plan/postgres.py",
        "tests/readme/test_postgres.py",
        "tests/services/*",
        "tests/unit/postgresql*.py",
        "tests/unit/test_database.py",
        "tests/unit/test_postgres*.py",
    ),
    rules=postgres.RULES,
    root_refusals=postgres.ROOT_REFUSALS,
    changes=postgres.CHANGES,
    options=postgres.OPTIONS,
    load=Subject(
        word="app",
        variables={"minimum_overlap_minutes": "0", "recovery_window_in_days": "0"},
        use=_log_in,
        services=lambda services: services.postgresql,
    ),
    faults={"GetSecretValue": Fault.LATE},
    # The client of PostgreSQL alone has 14 KB. A driver would have 200.
    largest_package=48 * 1024,
    secret_fields=frozenset({"password"}),
    walks={"postgres": _Walk},
    grants=grants(postgres.GRANTED, _ROTATION, reads="grants/dba"),
    leaks=leaks("postgres", _ROTATION),
    unit=postgresql_server.UNIT,
)
