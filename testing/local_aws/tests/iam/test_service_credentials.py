"""Service-specific credentials of IAM users.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredential.html
"""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import Account, Client, CreateUser, allow, decided, error_code

CreateCredential: TypeAlias = Callable[..., dict[str, Any]]

BEDROCK = "bedrock.amazonaws.com"
CODECOMMIT = "codecommit.amazonaws.com"


@pytest.fixture
def create_credential(
    iam: Client, create_user: CreateUser, later: contextlib.ExitStack, name: str
) -> CreateCredential:
    """Makes a credential of the user, who is made with it."""
    create_user()

    def create(service: str = BEDROCK, **options: object) -> dict[str, Any]:
        arguments = {"UserName": name, "ServiceName": service, **options}
        answer = iam.create_service_specific_credential(**arguments)
        made: dict[str, Any] = answer["ServiceSpecificCredential"]
        later.callback(error_code, iam.delete_service_specific_credential, **which(made))
        return made

    return create


def which(credential: dict[str, Any]) -> dict[str, str]:
    names = ("ServiceSpecificCredentialId", "UserName")
    return {name: credential[name] for name in names}


def test_a_user_has_two_credentials_for_a_service_at_most(
    iam: Client, create_credential: CreateCredential, name: str
) -> None:
    """AWS: "a maximum of two sets of service-specific credentials for each supported service".
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
    """
    first = create_credential()
    create_credential()
    iam.update_service_specific_credential(**which(first), Status="Inactive")
    make = iam.create_service_specific_credential

    assert error_code(make, UserName=name, ServiceName=BEDROCK) == "LimitExceeded"
    assert create_credential(CODECOMMIT)["ServiceName"] == CODECOMMIT


def test_a_service_that_has_no_credentials_is_refused(
    iam: Client, create_user: CreateUser, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html#API_CreateServiceSpecificCredential_Errors"""
    create_user()
    make = iam.create_service_specific_credential

    # NoSuchEntity is what accounts were seen to answer.
    assert error_code(make, UserName=name, ServiceName="sqs.amazonaws.com") in {
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
def test_each_service_has_its_own_fields(
    iam: Client, create_credential: CreateCredential, name: str, service: str, fields: set[str]
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredential.html"""
    made = create_credential(service)
    of_all = {"CreateDate", "ServiceName", "ServiceSpecificCredentialId", "Status", "UserName"}
    listed = iam.list_service_specific_credentials(UserName=name, ServiceName=service)
    secret = {one for one in fields if one.endswith(("Password", "Secret"))}

    assert made.keys() == of_all | fields
    assert made["Status"] == "Active"
    assert [one.keys() for one in listed["ServiceSpecificCredentials"]] == [
        of_all | fields - secret
    ]


def test_a_credential_ends_after_its_days(create_credential: CreateCredential) -> None:
    """CredentialAgeDays: "The number of days until the service specific credential expires".
    https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html
    """
    made = create_credential(CredentialAgeDays=30)

    assert made["ExpirationDate"] - made["CreateDate"] == timedelta(days=30)


def test_a_reset_changes_nothing_but_the_secret(
    iam: Client, create_credential: CreateCredential
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResetServiceSpecificCredential.html"""
    made = create_credential()
    answer = iam.reset_service_specific_credential(**which(made))
    reset = answer["ServiceSpecificCredential"]

    assert reset.pop("ServiceCredentialSecret") != made.pop("ServiceCredentialSecret")
    assert reset == made


def test_a_deleted_credential_is_gone(
    iam: Client, create_credential: CreateCredential, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceSpecificCredential.html"""
    made = create_credential()
    iam.delete_service_specific_credential(**which(made))
    delete = iam.delete_service_specific_credential

    assert error_code(delete, **which(made)) == "NoSuchEntity"
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []


def test_a_user_with_credentials_is_not_deleted(
    iam: Client, later: contextlib.ExitStack, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html"""
    iam.create_user(UserName=name)
    later.callback(iam.delete_user, UserName=name)
    answer = iam.create_service_specific_credential(UserName=name, ServiceName=BEDROCK)
    later.callback(
        iam.delete_service_specific_credential, **which(answer["ServiceSpecificCredential"])
    )

    assert error_code(iam.delete_user, UserName=name) == "DeleteConflict"


@pytest.mark.parametrize(
    ("granted", "service", "expected"),
    [
        pytest.param(BEDROCK, BEDROCK, "", id="this-service"),
        pytest.param(CODECOMMIT, BEDROCK, "AccessDenied", id="another-service"),
    ],
)
def test_a_grant_can_be_for_one_service(
    account: Account,
    create_user: CreateUser,
    iam: Client,
    later: contextlib.ExitStack,
    name: str,
    granted: str,
    service: str,
    expected: str,
) -> None:
    """iam:ServiceSpecificCredentialServiceName works on what makes and deletes a credential.
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
    made = iam.create_service_specific_credential(UserName=name, ServiceName=service)
    identity = which(made["ServiceSpecificCredential"])
    later.callback(error_code, iam.delete_service_specific_credential, **identity)

    assert decided(user.delete_service_specific_credential, expected, **identity) == expected
    # Once it is gone there is no service that a grant could be compared with.
    if not expected:
        assert error_code(user.delete_service_specific_credential, **identity) in {
            "AccessDenied",
            "NoSuchEntity",
        }
    create = {"UserName": name, "ServiceName": service}
    assert error_code(user.create_service_specific_credential, **create) == expected
    for one in iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"]:
        iam.delete_service_specific_credential(**which(one))


@pytest.mark.parametrize(
    ("days", "expected"), [(7, ""), (90, "AccessDenied")], ids=["short", "long"]
)
def test_a_grant_can_be_for_credentials_that_end_soon(
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

    assert decided(user.create_service_specific_credential, expected, **create) == expected
    for one in iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"]:
        iam.delete_service_specific_credential(**which(one))


def test_a_new_credential_may_be_missing_from_the_list(
    local: LocalAws, iam: Client, create_credential: CreateCredential, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""
    with local.switched(key_listing_seconds=3600):
        create_credential()
        at_first = iam.list_service_specific_credentials(UserName=name)
    later_on = iam.list_service_specific_credentials(UserName=name)

    assert at_first["ServiceSpecificCredentials"] == []
    assert len(later_on["ServiceSpecificCredentials"]) == 1
