"""The payload logs in to the local services with the credentials of the local AWS."""

import contextlib
from typing import Any

import pytest

from rotation.services.https import Https
from rotation.services.login import RejectedError, bedrock, codecommit, keyspaces
from testing.local_aws.tests.conftest import CreateUser, allow
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


def _payload(logins: LocalLogins) -> LogIn:
    def log_in(credential: Credential) -> bool:
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
                        repository=REPOSITORY,
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
    ("service", "statement"),
    [
        pytest.param(BEDROCK, LIST, id="bedrock"),
        pytest.param(CODECOMMIT, PULL, id="codecommit"),
        pytest.param(KEYSPACES, LIST, id="keyspaces"),
    ],
)
def test_the_payload_accepts_only_a_valid_credential(
    service: str,
    statement: dict[str, Any],
    logins: LocalLogins,
    create_user: CreateUser,
    check_states: CheckStates,
) -> None:
    create_user(statement)

    check_states(service, _payload(logins))


@pytest.mark.parametrize(
    "service", [pytest.param(BEDROCK, id="bedrock"), pytest.param(CODECOMMIT, id="codecommit")]
)
def test_the_payload_rejects_a_credential_without_permissions(
    service: str,
    logins: LocalLogins,
    create_user: CreateUser,
    create_credential: CreateCredential,
) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html"""
    create_user(allow("bedrock:ListFoundationModels", "*"))

    assert not _payload(logins)(create_credential(service))
