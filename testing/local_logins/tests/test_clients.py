"""The services accept credentials from the usual clients: boto3, git, and Cassandra's driver."""

import contextlib
import os
import ssl
import subprocess
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import quote

import boto3
import pytest
from cassandra import AuthenticationFailed
from cassandra.auth import PlainTextAuthProvider
from cassandra.connection import DefaultEndPoint
from cassandra.io.libevreactor import LibevConnection

from testing.local_aws.tests.conftest import CreateUser, allow, error_code
from testing.local_aws.tests.iam.test_service_credentials import BEDROCK, CODECOMMIT
from testing.local_logins import LocalLogins
from testing.local_logins.tests.conftest import (
    KEYSPACES,
    LIST,
    PULL,
    REPOSITORY,
    CheckStates,
    CreateCredential,
    Credential,
    LogIn,
)

Client: TypeAlias = Callable[[LocalLogins], LogIn]


def _boto3(logins: LocalLogins) -> LogIn:
    """Use a Bedrock key from the environment."""

    def log_in(credential: Credential) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_BEARER_TOKEN_BEDROCK", credential["ServiceCredentialSecret"])
            client = boto3.client(
                "bedrock",
                endpoint_url=f"https://{logins.endpoint}",
                region_name="eu-west-1",
                verify=os.environ["SSL_CERT_FILE"],
            )
            code = error_code(client.list_foundation_models)
            assert code in {"", "AccessDeniedException"}
            return not code

    return log_in


def _git(logins: LocalLogins) -> LogIn:
    def log_in(credential: Credential) -> bool:
        user, password = (
            quote(credential[name], safe="") for name in ("ServiceUserName", "ServicePassword")
        )
        url = f"https://{user}:{password}@{logins.endpoint}/v1/repos/{REPOSITORY}"
        result = subprocess.run(
            ["git", "ls-remote", url],
            check=False,
            capture_output=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_SSL_CAINFO": os.environ["SSL_CERT_FILE"],
                "GIT_TERMINAL_PROMPT": "0",
            },
            text=True,
        )
        rejected = "The requested URL returned error: 403" in result.stderr
        assert result.returncode == 0 or rejected, result.stderr
        return result.returncode == 0

    return log_in


def _cassandra_driver(logins: LocalLogins) -> LogIn:
    LibevConnection.initialize_reactor()
    host, _, port = logins.keyspaces.partition(":")
    trust = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])

    def log_in(credential: Credential) -> bool:
        names = (credential["ServiceUserName"], credential["ServicePassword"])
        with contextlib.suppress(AuthenticationFailed):
            connection = LibevConnection.factory(
                DefaultEndPoint(host, int(port)),
                10,
                authenticator=PlainTextAuthProvider(*names).new_authenticator(host),
                protocol_version=4,
                ssl_context=trust,
                ssl_options={"server_hostname": host},
            )
            connection.close()
            return True
        return False

    return log_in


@pytest.mark.parametrize(
    ("service", "statement", "client"),
    [
        pytest.param(BEDROCK, LIST, _boto3, id="bedrock-boto3"),
        pytest.param(CODECOMMIT, PULL, _git, id="codecommit-git"),
        pytest.param(KEYSPACES, LIST, _cassandra_driver, id="keyspaces-driver"),
    ],
)
def test_a_service_accepts_only_a_valid_credential(
    service: str,
    statement: dict[str, Any],
    client: Client,
    logins: LocalLogins,
    create_user: CreateUser,
    check_states: CheckStates,
) -> None:
    create_user(statement)

    check_states(service, client(logins))


@pytest.mark.parametrize(
    ("service", "client"),
    [
        pytest.param(BEDROCK, _boto3, id="bedrock-boto3"),
        pytest.param(CODECOMMIT, _git, id="codecommit-git"),
    ],
)
def test_a_service_checks_the_permissions_of_the_user(
    service: str,
    client: Client,
    logins: LocalLogins,
    create_user: CreateUser,
    create_credential: CreateCredential,
) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html"""
    create_user(allow("bedrock:ListFoundationModels", "*"))

    assert not client(logins)(create_credential(service))
