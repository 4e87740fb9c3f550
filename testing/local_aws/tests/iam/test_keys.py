"""Access keys of IAM users.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
"""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateUser,
    allow,
    error_code,
    eventual_code,
    eventually,
)

CreateKey: TypeAlias = Callable[[], Account]


@pytest.fixture
def create_key(
    account: Account, iam: Client, create_user: CreateUser, later: contextlib.ExitStack, name: str
) -> CreateKey:
    """Creates a user's second key and does not wait for its propagation."""
    create_user()

    def delete(key_id: str) -> None:
        error_code(iam.delete_access_key, UserName=name, AccessKeyId=key_id)

    def create() -> Account:
        key = iam.create_access_key(UserName=name)["AccessKey"]
        later.callback(delete, key["AccessKeyId"])
        return account.with_key(key)

    return create


def key_id(user: Account) -> str:
    credentials = user.session.get_credentials()
    assert credentials is not None
    return credentials.access_key


def identify(user: Account) -> str:
    return error_code(user.client("sts").get_caller_identity)


def test_a_user_has_at_most_two_keys(iam: Client, create_user: CreateUser, name: str) -> None:
    """AWS: "Access keys assigned to an IAM user: 2". Inactive keys count.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    first = key_id(create_user())
    second = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    try:
        iam.update_access_key(UserName=name, AccessKeyId=first, Status="Inactive")
        refused = error_code(iam.create_access_key, UserName=name)
    finally:
        iam.delete_access_key(UserName=name, AccessKeyId=second)

    assert refused == "LimitExceeded"


@pytest.mark.parametrize("operation", ["create_access_key", "list_access_keys"])
def test_an_unknown_user_is_refused(iam: Client, name: str, operation: str) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html#API_ListAccessKeys_Errors"""
    assert error_code(getattr(iam, operation), UserName=name) == "NoSuchEntity"


def test_the_last_use_of_a_key_is_recorded(
    iam: Client, create_user: CreateUser, account: Account
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html"""
    user = create_user()

    def last_used() -> dict[str, object]:
        return dict(iam.get_access_key_last_used(AccessKeyId=key_id(user))["AccessKeyLastUsed"])

    seen = eventually("the record of the use", last_used, lambda found: "LastUsedDate" in found)

    date = seen["LastUsedDate"]
    assert isinstance(date, datetime)
    assert abs(datetime.now(UTC) - date) < timedelta(minutes=15)
    assert seen["ServiceName"] == "sts"
    assert seen["Region"] in {account.region, "us-east-1"}


def test_the_permission_to_read_the_last_use_is_for_the_user(
    account: Account, create_user: CreateUser, name: str
) -> None:
    """The resource of iam:GetAccessKeyLastUsed is the user.
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    user = create_user(allow("iam:GetAccessKeyLastUsed", account.arn("iam", f"user/{name}")))
    get_last_used = user.client("iam").get_access_key_last_used

    assert eventual_code(get_last_used, "", AccessKeyId=key_id(user)) == ""


@pytest.mark.parametrize(
    ("resource", "allowed"),
    [
        pytest.param("user/contract/path/{name}", True, id="with the path"),
        pytest.param("user/{name}", False, id="without the path"),
    ],
)
def test_the_path_of_a_user_is_part_of_its_arn(
    account: Account, create_user: CreateUser, name: str, resource: str, *, allowed: bool
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns"""
    granted = allow("iam:ListAccessKeys", account.arn("iam", resource.format(name=name)))
    user = create_user(granted, path="/contract/path/")
    expected = "" if allowed else "AccessDenied"
    assert eventual_code(user.client("iam").list_access_keys, expected, UserName=name) == expected


def test_a_new_key_can_be_rejected_at_first(local: LocalAws, create_key: CreateKey) -> None:
    """AWS: "changes that you make … take time to become visible from all possible endpoints".
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """
    user = create_key()

    with local.switched(key_propagation_seconds=3600):
        codes = {
            "sts": identify(user),
            "secretsmanager": error_code(user.client("secretsmanager").list_secrets),
            "s3": error_code(user.client("s3").list_buckets),
        }

    assert codes == {
        "sts": "InvalidClientTokenId",
        "secretsmanager": "UnrecognizedClientException",
        "s3": "InvalidAccessKeyId",
    }
    assert identify(user) == ""


def test_a_new_key_can_be_accepted_and_then_rejected(
    local: LocalAws, create_key: CreateKey
) -> None:
    """Eventual consistency: one endpoint knows the key, and the next one does not yet.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
    """
    user = create_key()
    get_identity = user.client("sts").get_caller_identity

    with local.switched(key_settling_seconds=3600):
        for expected in ("", "InvalidClientTokenId", ""):
            assert eventual_code(get_identity, expected) == expected


def test_a_new_key_can_be_missing_from_the_list(
    local: LocalAws, iam: Client, create_user: CreateUser, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""
    create_user()

    def listed() -> int:
        return len(iam.list_access_keys(UserName=name)["AccessKeyMetadata"])

    with local.switched(key_listing_seconds=3600):
        at_first = listed()

    assert (at_first, listed()) == (0, 1)


def test_a_use_can_show_late(local: LocalAws, iam: Client, create_user: CreateUser) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html"""
    user = create_user()
    identify(user)

    def last_used() -> dict[str, object]:
        return dict(iam.get_access_key_last_used(AccessKeyId=key_id(user))["AccessKeyLastUsed"])

    with local.switched(key_use_lag_seconds=3600):
        at_first = last_used()

    assert at_first == {"ServiceName": "N/A", "Region": "N/A"}
    assert last_used()["ServiceName"] == "sts"


def test_a_deleted_key_can_still_be_accepted(
    local: LocalAws, iam: Client, create_key: CreateKey, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""
    user = create_key()

    with local.switched(deleted_key_seconds=3600):
        iam.delete_access_key(UserName=name, AccessKeyId=key_id(user))
        at_first = identify(user)

    assert (at_first, identify(user)) == ("", "InvalidClientTokenId")
