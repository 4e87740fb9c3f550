"""The password of a PostgreSQL user, on a real server."""

import contextlib
import json
from collections.abc import Iterator, Mapping

import psycopg

from testing.databases.login import Login
from testing.databases.postgresql import PostgreSQL
from testing.databases.process import HOST
from testing.harness.account import Aws, Secret
from testing.harness.databases import example_variables
from testing.harness.postgresql import postgresql_users
from testing.harness.terraform import Terraform
from tests.e2e.application import Application
from tests.e2e.aws_template import give_up_and_import, unfinished
from tests.e2e.databases import grants, leaks, rotation_of
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.plan import postgres
from tests.readme.blocks import block
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
    # Its database takes minutes. The tests of grants rotate it with the deployed function, too.
    guarded_by = "tests/e2e/test_grants.py"

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


class _FromTemplate(_Walk):
    """AWS's template has made the second user current, and stopped in the next rotation."""

    guarded_by = "tests/readme/test_from_aws_template.py"

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        server = self.postgresql
        with contextlib.ExitStack() as later:
            options = later.enter_context(postgresql_users(aws, server, "app"))
            variables = example_variables(options)
            self.variables |= {**variables, "host": variables["endpoint"]}
            server.statement("CREATE SCHEMA moving AUTHORIZATION app")
            later.callback(server.statement, "DROP SCHEMA moving CASCADE")
            value = {"engine": "postgres", "host": server.host, "port": str(server.port)}
            value |= {"username": "app_clone", "password": "of-the-template"}
            with server.connect(server.administrator) as session:
                session.execute("CREATE ROLE app_clone LOGIN PASSWORD 'of-the-template'")
                session.execute("GRANT app TO app_clone")
            with server.connect(Login("app_clone", value["password"])) as session:
                session.execute("CREATE TABLE moving.orders ()")
            pending = {**value, "username": "app", "password": "unfinished"}
            self._template = later.enter_context(contextlib.ExitStack())
            self._template.enter_context(unfinished(aws, value, pending))
            query = "SELECT FROM moving.orders"
            self._application = Application(server, aws, "app/database", query)
            later.enter_context(self._application.running())
            yield

    def before_apply(self, aws: Aws, terraform: Terraform) -> None:
        server = self.postgresql
        with server.connect(server.administrator) as session:
            for name in ("template-tables", "template-role"):
                sql = block("run", name).replace("dba", server.administrator.username)
                session.execute(sql.encode())
        give_up_and_import(aws, terraform)

    def wait_for_the_first(self, secret: Secret) -> None:
        super().wait_for_the_first(secret)
        self._template.close()

    def conclude(self, terraform: Terraform, secret: Secret) -> None:
        super().conclude(terraform, secret)
        self._application.stop()
        assert self._application.failures == []
        assert {*self._application.users} == {"app", "app_clone"}


_ROTATION = rotation_of("database")

STRATEGY = RotatorUnderTest(
    name="postgres",
    newer_than="c765fa601bd495093b24079e217465e43167bd58",
    files=(
        "lambda/rotation/services/database.py",
        "lambda/rotation/services/postgresql/*",
        "testing/databases/pgbouncer.py",
        "testing/databases/postgresql.py",
        "testing/databases/tests/test_p*.py",
        "testing/harness/postgresql.py",
        "tests/e2e/application.py",
        "tests/e2e/aws_template.py",
        "tests/plan/postgres.py",
        "tests/readme/test_from_aws_template.py",
        "tests/readme/test_postgres.py",
        "tests/services/*postgres*.py",
        "tests/services/test_pool.py",
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
    largest_package=47 * 1024,
    secret_fields=frozenset({"password"}),
    walks={"postgres": _Walk, "from-aws-template": _FromTemplate},
    grants=grants("postgres", postgres.GRANTED, _ROTATION, reads="grants/dba"),
    leaks=leaks("postgres", _ROTATION),
    unit=postgresql_server.UNIT,
)
