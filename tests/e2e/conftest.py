"""The account that the examples are applied in, and a copy of the module to apply them from.

E2E_TARGET chooses the account: `local` (the default) starts one local AWS per pytest worker;
`make test-aws` sets `account`, which takes the credentials and the region from the environment.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from testing.databases.mysql import mysql as create_mysql
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import Servers
from testing.harness.account import Aws
from testing.harness.terraform import checkout
from testing.local_aws import LocalAws, local_aws
from testing.local_github import LocalGitHub, local_github
from testing.local_logins import LocalLogins, local_logins
from testing.local_redis import LocalRedis, local_redis
from testing.real_aws.guard import Guard
from tests.e2e.estate import VARIANTS, Estate, applied
from tests.e2e.roles import Clients, as_role
from tests.selection import Rotators

_TARGET = os.environ.get("E2E_TARGET", "local")


@dataclass(frozen=True)
class _RealAws:
    environment: dict[str, str]
    session: boto3.Session

    def client(self, service: str, **options: Any) -> Any:  # noqa: ANN401 -- boto3 makes the type
        make: Any = self.session.client
        return make(service, **options)


def _real_aws() -> _RealAws:
    guard = Guard.of_environment()
    credentials = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    # Terraform tags by its environment, boto3 by the guard.
    return _RealAws({**credentials, **guard.environment}, guard.watch(boto3.Session()))


@pytest.fixture(scope="session")
def github() -> Iterator[LocalGitHub]:
    with local_github(tls=True) as github:
        yield github


@pytest.fixture(scope="session")
def aws(github: LocalGitHub) -> Iterator[Aws]:
    if _TARGET == "account":
        yield _real_aws()
    else:
        # The pause between two attempts of a rotation is not under test here.
        with local_aws(rotation_retry_seconds=0.2, trusted=github.certificate) as local:
            yield local


@pytest.fixture(scope="session")
def logins(aws: Aws, github: LocalGitHub) -> Iterator[LocalLogins | None]:
    """The services that accept service-specific credentials; None: those of AWS."""
    if isinstance(aws, LocalAws):
        with local_logins(aws, *github.trusted) as logins:
            yield logins
    else:
        yield None


@pytest.fixture(scope="module")
def module() -> Iterator[Path]:
    """A copy of the module and its examples, for one file of tests."""
    with checkout() as folder:
        yield folder


@pytest.fixture(scope="session")
def redis(github: LocalGitHub) -> Iterator[LocalRedis]:
    # The functions trust one certificate.
    with local_redis(*github.trusted) as redis:
        yield redis


@pytest.fixture(scope="session")
def estate(
    rotators: Rotators,
    aws: Aws,
    github: LocalGitHub,
    logins: LocalLogins | None,
    redis: LocalRedis,
    database_servers: Servers,
    *,
    runs_slow: bool,
) -> Iterator[Estate]:
    """The secrets that the tests of the grants share."""
    postgresql = database_servers.get(PostgreSQL, "16")
    mysql = database_servers.get(create_mysql, "8.0.31")
    of_run = VARIANTS if runs_slow else VARIANTS[-1:]
    variants = [one for one in of_run if one[0] in rotators]
    with applied(rotators, variants, aws, github, logins, redis, postgresql, mysql) as estate:
        yield estate


@pytest.fixture(scope="session")
def roles(estate: Estate) -> Mapping[str, Clients]:
    """The clients of each strategy's role."""
    return {name: as_role(one.aws, one.role) for name, one in estate.secrets.items()}
