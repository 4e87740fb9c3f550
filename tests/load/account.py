"""An account with the example of each strategy in the sample, deployed by one apply."""

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from testing.databases.mysql import mysql as create_mysql
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import servers
from testing.harness.databases import example_variables
from testing.harness.mysql import mysql_users
from testing.harness.postgresql import postgresql_users
from testing.harness.terraform import checkout
from testing.local_aws import LocalAws, local_aws
from testing.local_github import LocalGitHub, local_github
from testing.local_logins import local_logins
from testing.local_redis import local_redis
from tests.e2e.github import app, layer
from tests.e2e.redis import redis_users
from tests.load.deployment import deploy
from tests.load.subject import Json, Services
from tests.selection import Rotators

LARGE_FLEET = 200
"""How many secrets `make test-slow` rotates at once; `make test` one of each in the sample."""


class OneSession:
    """The local AWS, with clients that hundreds of secrets share."""

    def __init__(self, local: LocalAws) -> None:
        self.environment = local.environment
        self._local = local
        self._making = threading.Lock()
        self._session = boto3.Session(
            aws_access_key_id=local.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=local.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=local.environment["AWS_REGION"],
        )
        self.set = local.set
        self.switched = local.switched
        self.workers = local.workers

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 -- boto3 makes the type
        with self._making:
            return self._made(service, **options)

    @functools.lru_cache(maxsize=64)  # noqa: B019 -- it exists as long as the tests run
    def _made(self, service: str, **options: Any) -> Any:  # noqa: ANN401 -- the same
        make: Any = self._session.client
        return make(service, endpoint_url=self._local.endpoint_url, **options)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The account after the apply."""

    aws: OneSession
    checkout: Path
    github: LocalGitHub
    rotators: Rotators
    services: Services
    outputs: dict[str, Json]


def _users(name: str, *fleets: int) -> Iterator[str]:
    """Name a user for the example of this name, and for each of its copies."""
    yield name
    for size in fleets:
        yield from (f"{name}-{number}-of-{size}" for number in range(1, size + 1))


@contextmanager
def _database(
    strategy: str, sample: Rotators, users: Callable[[], AbstractContextManager[dict[str, object]]]
) -> Iterator[dict[str, object]]:
    """Add users to a server, and return the variables of their examples.

    It takes seconds to start, and a sample may not have the strategy.
    """
    if strategy not in {one.name for one in sample}:
        yield {}
        return
    with users() as options:
        yield example_variables(options)


@pytest.fixture(scope="session")
def account(sample: Rotators, *, runs_slow: bool) -> Iterator[Account]:
    fleets = [len(sample), *([LARGE_FLEET] if runs_slow else [])]
    # The delays of a real account are not under test here.
    with (
        local_github(tls=True) as github,
        local_aws(
            rotation_attempts=10,
            rotation_retry_seconds=0.2,
            # Reads are up to date here, so that nothing has to wait for them.
            functions_longest_sleep=1,
            trusted=github.certificate,
        ) as local,
        local_logins(local, *github.trusted) as logins,
        checkout() as folder,
        app(local, github, "octo-org/reports") as variables,
        local_redis(*github.trusted) as redis,
        redis_users(local, redis, *_users("cache", *fleets)) as redis_variables,
        # Not the server of other tests: their users have the same names.
        servers() as databases,
        _database(
            "postgres",
            sample,
            lambda: postgresql_users(
                local, databases.get(PostgreSQL, "16"), *_users("app", *fleets)
            ),
        ) as postgresql,
        _database(
            "mysql",
            sample,
            lambda: mysql_users(
                local, databases.get(create_mysql, "8.0.31"), *_users("shop", *fleets)
            ),
        ) as mysql,
        pytest.MonkeyPatch.context() as patch,
    ):
        # The application runs in this process.
        patch.setenv("SSL_CERT_FILE", str(github.certificate))
        aws = OneSession(local)
        services = Services(
            github=variables,
            layer=layer(folder),
            logins={"endpoint": logins.endpoint},
            mysql=mysql,
            postgresql=postgresql,
            redis=redis_variables,
        )
        # Nothing is destroyed: the account ends with the test.
        outputs = deploy(aws, folder, sample, services)
        yield Account(
            aws=aws,
            checkout=folder,
            github=github,
            rotators=sample,
            services=services,
            outputs=outputs,
        )
