"""What takes the credentials of the local AWS, asked by the clients that people use.

Here are boto3 for Bedrock, git for CodeCommit, and the driver of Cassandra's own project.
"""

import contextlib
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import boto3
import pytest
from cassandra import AuthenticationFailed
from cassandra.auth import PlainTextAuthProvider
from cassandra.connection import DefaultEndPoint
from cassandra.io.libevreactor import LibevConnection

from rotation.services.https import Https
from rotation.services.login import RejectedError, bedrock, codecommit, keyspaces
from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Client, CreateUser, allow, error_code
from testing.local_aws.tests.iam.test_service_credentials import BEDROCK, CODECOMMIT, which
from testing.local_github.certificate import write_certificate
from testing.local_logins import LocalLogins, local_logins

KEYSPACES = "cassandra.amazonaws.com"

LogIn: TypeAlias = Callable[[dict[str, Any]], bool]
_PULL = allow("codecommit:GitPull", "arn:aws:codecommit:eu-west-1:123456789012:reports")
_LIST = allow(["bedrock:CallWithBearerToken", "bedrock:ListFoundationModels"], "*")


@pytest.fixture
def logins(
    local: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalLogins]:
    certificate, key = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with local_logins(local, certificate, key) as logins:
        logins.create_repository("reports")
        yield logins


@pytest.fixture
def create_credential(
    iam: Client, later: contextlib.ExitStack, name: str
) -> Callable[[str], dict[str, Any]]:
    def create(service: str) -> dict[str, Any]:
        answer = iam.create_service_specific_credential(UserName=name, ServiceName=service)
        made: dict[str, Any] = answer["ServiceSpecificCredential"]
        later.callback(error_code, iam.delete_service_specific_credential, **which(made))
        return made

    return create


def _by_boto3(logins: LocalLogins, tmp_path: Path) -> LogIn:
    """Log in as any program does that has a key of Bedrock in its environment."""

    def log_in(credential: dict[str, Any]) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_BEARER_TOKEN_BEDROCK", credential["ServiceCredentialSecret"])
            client = boto3.client(
                "bedrock",
                endpoint_url=f"https://{logins.endpoint}",
                region_name="eu-west-1",
                verify=str(tmp_path / "certificate.pem"),
            )
            code = error_code(client.list_foundation_models)
            assert code in {"", "AccessDeniedException"}
            return not code

    return log_in


def _by_git(logins: LocalLogins, tmp_path: Path) -> LogIn:
    def log_in(credential: dict[str, Any]) -> bool:
        user, password = (
            quote(credential[name], safe="") for name in ("ServiceUserName", "ServicePassword")
        )
        url = f"https://{user}:{password}@{logins.endpoint}/v1/repos/reports"
        result = subprocess.run(
            ["git", "ls-remote", url],
            check=False,
            capture_output=True,
            env={
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_SSL_CAINFO": str(tmp_path / "certificate.pem"),
                "GIT_TERMINAL_PROMPT": "0",
                "HOME": str(tmp_path),
            },
            text=True,
        )
        refused = "The requested URL returned error: 403" in result.stderr
        assert result.returncode == 0 or refused, result.stderr
        return result.returncode == 0

    return log_in


def _by_cassandras_driver(logins: LocalLogins, tmp_path: Path) -> LogIn:
    LibevConnection.initialize_reactor()
    host, _, port = logins.keyspaces.partition(":")
    trust = ssl.create_default_context(cafile=tmp_path / "certificate.pem")

    def log_in(credential: dict[str, Any]) -> bool:
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


def _by_the_function(logins: LocalLogins, _tmp_path: Path) -> LogIn:
    def log_in(credential: dict[str, Any]) -> bool:
        with contextlib.suppress(RejectedError):
            match credential["ServiceName"]:
                case "bedrock.amazonaws.com":
                    bedrock.log_in(
                        Https(), logins.endpoint, api_key=credential["ServiceCredentialSecret"]
                    )
                case "codecommit.amazonaws.com":
                    codecommit.log_in(
                        Https(),
                        logins.endpoint,
                        repository="reports",
                        user_name=credential["ServiceUserName"],
                        password=credential["ServicePassword"],
                    )
                case _:
                    keyspaces.log_in(
                        logins.keyspaces,
                        user_name=credential["ServiceUserName"],
                        password=credential["ServicePassword"],
                    )
            return True
        return False

    return log_in


@pytest.mark.parametrize(
    ("service", "statement", "client"),
    [
        pytest.param(BEDROCK, _LIST, _by_boto3, id="bedrock-boto3"),
        pytest.param(BEDROCK, _LIST, _by_the_function, id="bedrock-function"),
        pytest.param(CODECOMMIT, _PULL, _by_git, id="codecommit-git"),
        pytest.param(CODECOMMIT, _PULL, _by_the_function, id="codecommit-function"),
        pytest.param(KEYSPACES, _LIST, _by_cassandras_driver, id="keyspaces-driver"),
        pytest.param(KEYSPACES, _LIST, _by_the_function, id="keyspaces-function"),
    ],
)
def test_a_service_takes_what_iam_gave_and_nothing_else(
    service: str,
    statement: dict[str, Any],
    client: Callable[[LocalLogins, Path], LogIn],
    logins: LocalLogins,
    local: LocalAws,
    iam: Client,
    create_user: CreateUser,
    create_credential: Callable[[str], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html"""
    create_user(statement)
    log_in = client(logins, tmp_path)
    with local.switched(key_propagation_seconds=3600):
        made = create_credential(service)
        # "Changes that you make … take time to become visible from all possible endpoints."
        assert not log_in(made)
    assert log_in(made)

    iam.update_service_specific_credential(**which(made), Status="Inactive")
    assert not log_in(made)
    iam.update_service_specific_credential(**which(made), Status="Active")
    assert log_in(made)

    answer = iam.reset_service_specific_credential(**which(made))
    assert not log_in(made)
    reset = answer["ServiceSpecificCredential"]
    assert log_in(reset)

    with local.switched(deleted_key_seconds=3600):
        iam.delete_service_specific_credential(**which(made))
        assert log_in(reset)
    assert not log_in(reset)


@pytest.mark.parametrize(
    ("service", "client"),
    [
        pytest.param(BEDROCK, _by_boto3, id="bedrock-boto3"),
        pytest.param(BEDROCK, _by_the_function, id="bedrock-function"),
        pytest.param(CODECOMMIT, _by_git, id="codecommit-git"),
        pytest.param(CODECOMMIT, _by_the_function, id="codecommit-function"),
    ],
)
def test_a_service_asks_what_the_user_may(
    service: str,
    client: Callable[[LocalLogins, Path], LogIn],
    logins: LocalLogins,
    create_user: CreateUser,
    create_credential: Callable[[str], dict[str, Any]],
    tmp_path: Path,
) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html"""
    create_user(allow("bedrock:ListFoundationModels", "*"))

    assert not client(logins, tmp_path)(create_credential(service))
