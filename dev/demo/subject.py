"""The credentials that the demo can rotate: an access key, or a password of a real server."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from dev.demo.display import Display
from testing.databases.login import Login
from testing.databases.mariadb import mariadb
from testing.databases.mysql import mysql
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import servers
from testing.harness.account import Aws, is_accepted
from testing.harness.mysql import mysql_users
from testing.harness.postgresql import postgresql_users

# Far below useful values, so that a rotation takes seconds.
_SHORTENED: Final = {"minimum_overlap_minutes": 0, "recovery_window_in_days": 0}
_SHORTENED_KEY: Final = {**_SHORTENED, "settling_seconds": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One root module with its application."""

    root: str
    program: str
    shortened: Mapping[str, object]
    # The field of a value that names it.
    identity: str
    credential: str
    credentials: str
    request: str
    work: str
    is_accepted: Callable[[Mapping[str, str]], bool]
    logs_in: bool = False
    arguments: Sequence[str] = ()
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """A server, and the strategy for its users."""

    title: str
    create: Callable[[Path, str], Any]
    version: str
    users: Callable[..., AbstractContextManager[dict[str, object]]]
    strategy: str
    options: Mapping[str, object]
    # Of SQLAlchemy.
    driver: str


_Start: TypeAlias = Callable[[Aws, Display, Path], AbstractContextManager[Subject]]


@contextlib.contextmanager
def _access_key(aws: Aws, _display: Display, _checkout: Path) -> Iterator[Subject]:
    yield Subject(
        root="examples/iam-access-key",
        program="examples/iam-access-key/application/store_reports.py",
        shortened=_SHORTENED_KEY,
        identity="AccessKeyId",
        credential="key",
        credentials="keys",
        request="requests",
        work="write and read in S3",
        is_accepted=partial(is_accepted, aws),
        environment={},
    )


@contextlib.contextmanager
def _password(database: _Database, aws: Aws, display: Display, checkout: Path) -> Iterator[Subject]:
    display.say(f"Starting a {database.title} server")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(servers()).get(database.create, database.version)
        place = stack.enter_context(database.users(aws, server, "app"))
        options = {
            **place,
            **database.options,
            "dbname": "reports",
            "mode": "alternating_users",
            "username": "app",
        }
        authority = str(server.ca_file)
        yield Subject(
            root=_root(checkout, {database.strategy: options}),
            program="examples/database-application/query_reports.py",
            arguments=[database.driver],
            shortened=_SHORTENED,
            identity="username",
            credential="user",
            credentials="passwords",
            request="queries",
            work=f"query {database.title} with one pool",
            is_accepted=lambda value: server.accepts(Login(value["username"], value["password"])),
            logs_in=True,
            environment={"PGSSLROOTCERT": authority, "SSL_CERT_FILE": authority},
        )


def _root(checkout: Path, rotation: Mapping[str, object]) -> str:
    """Write a root module without a server and a network, which take minutes in the examples."""
    root = "examples/demo"
    module = {
        "source": "../..",
        "name": "app/database",
        "rotation": rotation,
        "schedule_expression": "rate(30 days)",
        **{name: f"${{var.{name}}}" for name in _SHORTENED},
    }
    outputs = ("log_group_name", "reader_policy_json", "secret_arn")
    configuration = {
        "module": {"rotating_secret": module},
        "output": {name: {"value": f"${{module.rotating_secret.{name}}}"} for name in outputs},
        "variable": {name: {"type": "number"} for name in _SHORTENED},
    }
    (checkout / root).mkdir()
    (checkout / root / "main.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
    return root


_DATABASES: Final = {
    "mariadb": _Database(
        title="MariaDB",
        create=mariadb,
        version="10.11",
        users=mysql_users,
        strategy="mysql",
        options={"engine": "mariadb"},
        driver="mysql+pymysql",
    ),
    "mysql": _Database(
        title="MySQL",
        create=mysql,
        version="8.0.31",
        users=mysql_users,
        strategy="mysql",
        options={"engine": "mysql"},
        driver="mysql+pymysql",
    ),
    "postgres": _Database(
        title="PostgreSQL",
        create=PostgreSQL,
        version="16",
        users=postgresql_users,
        strategy="postgres",
        options={},
        driver="postgresql+psycopg",
    ),
}

SUBJECTS: Final[Mapping[str | None, _Start]] = {
    None: _access_key,
    **{name: partial(_password, database) for name, database in _DATABASES.items()},
}
"""By the variable DATABASE."""
