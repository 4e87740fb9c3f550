"""Service-specific credentials of IAM users.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredential.html
"""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateUser,
    allow,
    error_code,
    eventual_code,
)

CreateCredential: TypeAlias = Callable[..., dict[str, Any]]

BEDROCK = "bedrock.amazonaws.com"
CODECOMMIT = "codecommit.amazonaws.com"


@pytest.fixture
def create_credential(
    iam: Client, create_user: CreateUser, later: contextlib.ExitStack, name: str
) -> CreateCredential:
    """Creates a user, and then credentials of that user."""
    create_user()

    def create(service: str = BEDROCK, **options: object) -> dict[str, Any]:
        arguments = {"UserName": name, "ServiceName": service, **options}
        response = iam.create_service_specific_credential(**arguments)
        created: dict[str, Any] = response["ServiceSpecificCredential"]
        later.callback(error_code, iam.delete_service_specific_credential, **identity_of(created))
        return created

    return create


def identity_of(credential: dict[str, Any]) -> dict[str, str]:
    names = ("ServiceSpecificCredentialId", "UserName")
    return {name: credential[name] for name in names}


def test_a_user_has_at_most_two_credentials_for_a_service(
    iam: Client, create_credential: CreateCredential, name: str
) -> None:
    """AWS: "a maximum of two sets of service-specific credentials for each supported service".
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
    """
    first = create_credential()
    create_credential()
    iam.update_service_specific_credential(**identity_of(first), Status="Inactive")
    create = iam.create_service_specific_credential

    assert error_code(create, UserName=name, ServiceName=BEDROCK) == "LimitExceeded"
    assert create_credential(CODECOMMIT)["ServiceName"] == CODECOMMIT


def test_a_service_without_such_credentials_is_refused(
    iam: Client, create_user: CreateUser, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html#API_CreateServiceSpecificCredential_Errors"""
    create_user()
    create = iam.create_service_specific_credential

    # AWS documents NotSupportedService; real accounts return NoSuchEntity.
    assert error_code(create, UserName=name, ServiceName="sqs.amazonaws.com") in {
        "NoSuchEntity",
        "NotSupportedService",
    }


@pytest.mark.parametrize(
    ("service", "fields"),
    [
        (BEDROCK, {"ServiceCredentialAlias", "ServiceCredentialSecret"}),
        (CODECOMMIT, {"ServiceUserName", "ServicePassword"}),
        ("cassandra.amazonaws.com", {"ServiceUserName", "ServicePassword"}),
    ],
)
def test_the_fields_of_a_credential_depend_on_its_service(
    iam: Client, create_credential: CreateCredential, name: str, service: str, fields: set[str]
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredential.html"""
    created = create_credential(service)
    common = {"CreateDate", "ServiceName", "ServiceSpecificCredentialId", "Status", "UserName"}
    listed = iam.list_service_specific_credentials(UserName=name, ServiceName=service)
    secret = {one for one in fields if one.endswith(("Password", "Secret"))}

    assert created.keys() == common | fields
    assert created["Status"] == "Active"
    assert [one.keys() for one in listed["ServiceSpecificCredentials"]] == [
        common | fields - secret
    ]


def test_a_credential_expires_after_its_age_in_days(create_credential: CreateCredential) -> None:
    """CredentialAgeDays: "The number of days until the service specific credential expires".
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
    """
    created = create_credential(CredentialAgeDays=30)

    assert created["ExpirationDate"] - created["CreateDate"] == timedelta(days=30)


def test_a_reset_changes_only_the_secret(iam: Client, create_credential: CreateCredential) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResetServiceSpecificCredential.html"""
    created = create_credential()
    response = iam.reset_service_specific_credential(**identity_of(created))
    reset = response["ServiceSpecificCredential"]

    assert reset.pop("ServiceCredentialSecret") != created.pop("ServiceCredentialSecret")
    assert reset == created


def test_a_deleted_credential_is_gone(
    iam: Client, create_credential: CreateCredential, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceSpecificCredential.html"""
    created = create_credential()
    delete = iam.delete_service_specific_credential
    delete(**identity_of(created))

    assert error_code(delete, **identity_of(created)) == "NoSuchEntity"
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []


def test_a_user_with_credentials_cannot_be_deleted(
    iam: Client, later: contextlib.ExitStack, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html"""
    iam.create_user(UserName=name)
    later.callback(iam.delete_user, UserName=name)
    response = iam.create_service_specific_credential(UserName=name, ServiceName=BEDROCK)
    identity = identity_of(response["ServiceSpecificCredential"])
    later.callback(iam.delete_service_specific_credential, **identity)

    assert error_code(iam.delete_user, UserName=name) == "DeleteConflict"


@pytest.mark.parametrize(
    ("granted", "service", "expected"),
    [
        pytest.param(BEDROCK, BEDROCK, "", id="this-service"),
        pytest.param(CODECOMMIT, BEDROCK, "AccessDenied", id="another-service"),
    ],
)
def test_a_permission_can_be_limited_to_one_service(
    account: Account,
    create_user: CreateUser,
    iam: Client,
    later: contextlib.ExitStack,
    name: str,
    granted: str,
    service: str,
    expected: str,
) -> None:
    """iam:ServiceSpecificCredentialServiceName applies when a credential is created or deleted.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    actions = ["iam:CreateServiceSpecificCredential", "iam:DeleteServiceSpecificCredential"]
    user = create_user(
        allow(
            actions,
            account.arn("iam", f"user/{name}"),
            StringEquals={"iam:ServiceSpecificCredentialServiceName": granted},
        )
    ).client("iam")
    response = iam.create_service_specific_credential(UserName=name, ServiceName=service)
    identity = identity_of(response["ServiceSpecificCredential"])
    later.callback(error_code, iam.delete_service_specific_credential, **identity)

    assert eventual_code(user.delete_service_specific_credential, expected, **identity) == expected
    # The deleted credential has no service that IAM could compare with the condition.
    if not expected:
        assert error_code(user.delete_service_specific_credential, **identity) in {
            "AccessDenied",
            "NoSuchEntity",
        }
    create = {"UserName": name, "ServiceName": service}
    assert error_code(user.create_service_specific_credential, **create) == expected
    for one in iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"]:
        iam.delete_service_specific_credential(**identity_of(one))


@pytest.mark.parametrize(
    ("days", "expected"), [(7, ""), (90, "AccessDenied")], ids=["short", "long"]
)
def test_a_permission_can_limit_the_age_of_credentials(
    account: Account,
    create_user: CreateUser,
    iam: Client,
    name: str,
    days: int,
    expected: str,
) -> None:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-permissions.html"""
    user = create_user(
        allow(
            "iam:CreateServiceSpecificCredential",
            account.arn("iam", f"user/{name}"),
            NumericLessThanEquals={"iam:ServiceSpecificCredentialAgeDays": "30"},
        )
    ).client("iam")
    create = {"UserName": name, "ServiceName": BEDROCK, "CredentialAgeDays": days}

    assert eventual_code(user.create_service_specific_credential, expected, **create) == expected
    for one in iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"]:
        iam.delete_service_specific_credential(**identity_of(one))


def test_a_new_credential_can_be_missing_from_the_list(
    local: LocalAws, iam: Client, create_credential: CreateCredential, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""
    with local.switched(key_listing_seconds=3600):
        create_credential()
        at_first = iam.list_service_specific_credentials(UserName=name)
    later_on = iam.list_service_specific_credentials(UserName=name)

    assert at_first["ServiceSpecificCredentials"] == []
    assert len(later_on["ServiceSpecificCredentials"]) == 1
