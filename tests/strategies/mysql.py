"""The password of a MySQL or MariaDB user, on real servers."""

import contextlib
import json
import ssl
from collections.abc import Iterator, Mapping

import pymysql

from testing.databases.login import Login
from testing.databases.mariadb import mariadb
from testing.databases.mysql import mysql as create_mysql
from testing.databases.mysql_server import MySQLServer
from testing.databases.process import HOST
from testing.harness.account import Aws, Secret
from testing.harness.databases import example_variables
from testing.harness.mysql import mysql_users
from tests.e2e.databases import grants, leaks, rotation_of
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.plan import mysql
from tests.strategies import RotatorUnderTest
from tests.unit import mysql_server

# An application of the examples may do this.
_QUERY = "SHOW TABLES FROM reports"


def _log_in(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    context = ssl.create_default_context()
    # The functions trust the server's authority. This process has another one.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        pymysql.connect(
            host=HOST,
            port=int(value["port"]),
            user=value["username"],
            password=value["password"].encode(),
            ssl=context,
        ) as session,
        session.cursor() as cursor,
    ):
        if cursor.execute(_QUERY):
            raise NotWorkingError


class _Walk(Walk):
    """The value is the password of one of two users, and both work."""

    local_only = "Its function uses the local MySQL, which AWS cannot reach."
    # Its database takes minutes. The tests of grants rotate it with the deployed function, too.
    guarded_by = "tests/e2e/test_grants.py"
    user = "shop"

    @property
    def server(self) -> MySQLServer:
        return self.databases.get(create_mysql, "8.0.31")

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with mysql_users(aws, self.server, self.user) as server:
            self.variables |= example_variables(server)
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        values = [json.loads(text) for text in self.values]
        assert {value["username"] for value in values[-2:]} == self.users
        # As many of the last passwords work as there are users.
        working = len(self.users)
        works = [False] * (len(values) - working) + [True] * working
        assert [self._works(value) for value in values] == works
        logged = self.server.logs()
        assert [value for value in values if value["password"] in logged] == []

    @property
    def users(self) -> set[str]:
        return {self.user, f"{self.user}_clone"}

    def _works(self, value: Mapping[str, str]) -> bool:
        login = Login(value["username"], value["password"])
        with (
            contextlib.suppress(pymysql.OperationalError),
            self.server.connect(login) as session,
            session.cursor() as cursor,
        ):
            cursor.execute(_QUERY)
            return True
        return False


class _MariadbWalk(_Walk):
    """The value is the password of one user, and only the last one works."""

    guarded_by = "tests/services/test_mysql_strategy.py"
    user = "stock"

    @property
    def server(self) -> MySQLServer:
        return self.databases.get(mariadb, "10.11")

    @property
    def users(self) -> set[str]:
        return {self.user}


_ROTATION = {**rotation_of("mysql"), "engine": "mysql"}

STRATEGY = RotatorUnderTest(
    name="mysql",
    newer_than="c765fa601bd495093b24079e217465e43167bd58",
    files=(
        "lambda/rotation/services/mysql/*",
        "testing/databases/*mysql*.py",
        "testing/databases/mariadb.py",
        "testing/harness/mysql.py",
        "tests/plan/mysql.py",
        "tests/services/*mysql*.py",
        "tests/unit/mysql*.py",
    ),
    rules=mysql.RULES,
    root_refusals=mysql.ROOT_REFUSALS,
    changes=mysql.CHANGES,
    options=mysql.OPTIONS,
    load=Subject(
        word="shop",
        variables={"minimum_overlap_minutes": "0", "recovery_window_in_days": "0"},
        use=_log_in,
        services=lambda services: services.mysql,
    ),
    faults={"GetSecretValue": Fault.LATE},
    # The client of MySQL alone has 16 KB. A driver would have 42.
    largest_package=52 * 1024,
    secret_fields=frozenset({"password"}),
    walks={"mysql": _Walk, "mariadb": _MariadbWalk},
    grants=grants("mysql", mysql.GRANTED, _ROTATION, reads="grants/mysql-dba"),
    leaks=leaks("mysql", _ROTATION),
    unit=mysql_server.UNIT,
)
