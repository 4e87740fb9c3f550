"""The credentials that the demo can rotate: an access key, or a password of a real server."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from dev.demo.display import Display
from testing.databases.login import Login
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import servers
from testing.harness.account import Aws, is_accepted
from testing.harness.databases import example_variables
from testing.harness.postgresql import postgresql_users

# Far below useful values, so that a rotation takes seconds.
_SHORTENED: Final = {"minimum_overlap_minutes": 0, "recovery_window_in_days": 0}
_SHORTENED_KEY: Final = {**_SHORTENED, "settling_seconds": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One example with its application."""

    example: str
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
    variables: Mapping[str, object] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def _access_key(aws: Aws, _display: Display) -> Iterator[Subject]:
    yield Subject(
        example="examples/iam-access-key",
        program="examples/iam-access-key/application/store_reports.py",
        shortened=_SHORTENED_KEY,
        identity="AccessKeyId",
        credential="key",
        credentials="keys",
        request="requests",
        work="write and read in S3",
        is_accepted=partial(is_accepted, aws),
    )


@contextlib.contextmanager
def _postgres(aws: Aws, display: Display) -> Iterator[Subject]:
    display.say("Starting a PostgreSQL server")
    with (
        servers() as running,
        postgresql_users(aws, server := running.get(PostgreSQL, "16"), "app") as options,
    ):
        yield Subject(
            # Unlike examples/postgres, it makes no server and no network, which takes minutes.
            example="examples/from-aws-template",
            program="examples/postgres/application/query_reports.py",
            shortened=_SHORTENED,
            variables={**example_variables(options), "host": options["host"]},
            identity="username",
            credential="user",
            credentials="passwords",
            request="queries",
            work="query PostgreSQL with one pool",
            is_accepted=partial(_can_log_in, server),
            logs_in=True,
            environment={"PGSSLROOTCERT": str(server.ca_file)},
        )


def _can_log_in(server: PostgreSQL, value: Mapping[str, str]) -> bool:
    import psycopg  # noqa: PLC0415 -- only this demo needs it

    login = Login(value["username"], value["password"])
    with contextlib.suppress(psycopg.OperationalError), server.connect(login):
        return True
    return False


# By the variable DATABASE.
SUBJECTS: Final = {None: _access_key, "postgres": _postgres}
