"""A user gets another name or path, and the lists that a client reads before it deletes a user.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
"""

import contextlib
import json

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    CreateUser,
    allow,
    error_code,
    eventual_code,
    policy,
)


def test_the_items_that_prevent_a_deletion_can_be_listed(
    iam: Client, create_user: CreateUser, name: str
) -> None:
    """DeleteUser fails while the user has one of these items."""
    create_user()

    assert iam.list_ssh_public_keys(UserName=name)["SSHPublicKeys"] == []
    assert iam.list_signing_certificates(UserName=name)["Certificates"] == []
    assert iam.list_service_specific_credentials(UserName=name)["ServiceSpecificCredentials"] == []


def test_a_user_with_another_name_and_path_keeps_its_id_keys_and_permissions(
    account: Account,
    iam: Client,
    secrets: Client,
    create_secret: CreateSecret,
    create_user: CreateUser,
    later: contextlib.ExitStack,
    name: str,
) -> None:
    """AWS: "If you change the name or path of a user", then "Any policies attached to the user
    stay with the user under the new name", and "The unique ID for the user remains the same." AWS
    changes the policies that name the user as the principal.
    """
    arn, read = create_secret(SecretString="a"), "secretsmanager:GetSecretValue"
    user = create_user(allow("secretsmanager:DescribeSecret", arn)).client("secretsmanager")
    before = iam.get_user(UserName=name)["User"]
    keys = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
    document = policy({**allow(read, "*"), "Principal": {"AWS": before["Arn"]}})
    put = {"SecretId": arn, "ResourcePolicy": document}
    assert eventual_code(secrets.put_resource_policy, "", **put) == ""
    new = f"{name}-new"

    iam.update_user(UserName=name, NewUserName=new, NewPath="/contract/")
    later.callback(iam.update_user, UserName=new, NewUserName=name)
    after = iam.get_user(UserName=new)["User"]

    assert (after["UserId"], after["CreateDate"]) == (before["UserId"], before["CreateDate"])
    assert after["Arn"] == account.arn("iam", f"user/contract/{new}")
    found = iam.list_access_keys(UserName=new)["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in found] == [key["AccessKeyId"] for key in keys]
    assert {key["UserName"] for key in found} == {new}
    assert error_code(iam.list_access_keys, UserName=name) == "NoSuchEntity"
    assert eventual_code(user.describe_secret, "", SecretId=arn) == ""
    assert eventual_code(user.get_secret_value, "", SecretId=arn) == ""
    stored = json.loads(secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"])
    assert stored["Statement"][0]["Principal"]["AWS"] == after["Arn"]


def test_a_name_that_another_user_has_is_refused(
    iam: Client, create_user: CreateUser, name: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html"""
    create_user()
    create_user()

    taken = error_code(iam.update_user, UserName=name, NewUserName=f"{name}-2")
    missing = error_code(iam.update_user, UserName=f"{name}-3", NewUserName=f"{name}-4")

    assert (taken, missing) == ("EntityAlreadyExists", "NoSuchEntity")
