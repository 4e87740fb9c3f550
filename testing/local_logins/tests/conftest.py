"""The services, credentials for them, and the states of a credential.

The fixtures of the account are those of the local AWS's own tests.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from testing.certificate import write_certificate
from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Client,
    account,
    allow,
    create_user,
    error_code,
    guard,
    iam,
    later,
    local,
    name,
    server,
)
from testing.local_aws.tests.iam.test_service_credentials import identity_of
from testing.local_logins import LocalLogins, local_logins

__all__ = ["account", "create_user", "guard", "iam", "later", "local", "name", "server"]

KEYSPACES = "cassandra.amazonaws.com"
REPOSITORY = "reports"
PULL = allow("codecommit:GitPull", f"arn:aws:codecommit:eu-west-1:123456789012:{REPOSITORY}")
LIST = allow(["bedrock:CallWithBearerToken", "bedrock:ListFoundationModels"], "*")

Credential: TypeAlias = dict[str, Any]
CreateCredential: TypeAlias = Callable[[str], Credential]
# Returns whether the service accepts the credential.
LogIn: TypeAlias = Callable[[Credential], bool]
CheckStates: TypeAlias = Callable[[str, LogIn], None]


@pytest.fixture
def logins(
    local: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalLogins]:
    """The services with one repository; this process trusts their certificate."""
    certificate, key = write_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with local_logins(local, certificate, key) as logins:
        logins.create_repository(REPOSITORY)
        yield logins


@pytest.fixture
def create_credential(iam: Client, later: contextlib.ExitStack, name: str) -> CreateCredential:
    """Creates a credential of the user with the fixture's `name`, for a service."""

    def create(service: str) -> Credential:
        response = iam.create_service_specific_credential(UserName=name, ServiceName=service)
        created: Credential = response["ServiceSpecificCredential"]
        later.callback(error_code, iam.delete_service_specific_credential, **identity_of(created))
        return created

    return create


@pytest.fixture
def check_states(local: LocalAws, iam: Client, create_credential: CreateCredential) -> CheckStates:
    """Changes the state of a credential and checks each time whether the service accepts it.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html
    """

    def check(service: str, log_in: LogIn) -> None:
        with local.switched(key_propagation_seconds=3600):
            created = create_credential(service)
            # AWS: "Changes that you make … take time to become visible from all possible
            # endpoints."
            assert not log_in(created)
        assert log_in(created)

        identity = identity_of(created)
        iam.update_service_specific_credential(**identity, Status="Inactive")
        assert not log_in(created)
        iam.update_service_specific_credential(**identity, Status="Active")
        assert log_in(created)

        response = iam.reset_service_specific_credential(**identity)
        assert not log_in(created)
        reset = response["ServiceSpecificCredential"]
        assert log_in(reset)

        with local.switched(deleted_key_seconds=3600):
            iam.delete_service_specific_credential(**identity)
            assert log_in(reset)
        assert not log_in(reset)

    return check
