"""Requests for a secret of another account.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    allow,
    error_code,
    eventual_code,
    policy,
)

DENIED = "AccessDeniedException"


def _create_key(account: Account, later: contextlib.ExitStack, *account_ids: str) -> str:
    """Create a key whose policy lets its own account administrate it, and others decrypt."""
    kms = account.client("kms")
    own = {**allow("kms:*", "*"), "Principal": {"AWS": account.account_id}}
    others = [{**allow("kms:Decrypt", "*"), "Principal": {"AWS": one}} for one in account_ids]
    key: str = kms.create_key(Policy=policy(own, *others))["KeyMetadata"]["Arn"]
    later.callback(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=7)
    return key


def _admit(secrets: Client, arn: str, account_id: str) -> None:
    grant = allow("secretsmanager:GetSecretValue", "*")
    document = policy({**grant, "Principal": {"AWS": account_id}})
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=document)


def test_another_account_needs_the_policies_of_the_secret_and_of_the_key(
    account: Account,
    another: Account,
    secrets: Client,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
) -> None:
    """AWS: "you must allow access in a resource policy and in an identity policy", and "you must
    allow the identity to use the KMS key that the secret is encrypted with".
    """
    key = _create_key(account, later, another.account_id)
    arn = create_secret(SecretString="a", KmsKeyId=key)
    read = another.client("secretsmanager").get_secret_value

    before = error_code(read, SecretId=arn)
    _admit(secrets, arn, another.account_id)

    assert (before, eventual_code(read, "", SecretId=arn)) == (DENIED, "")
    assert read(SecretId=arn)["SecretString"] == "a"
    assert error_code(another.client("secretsmanager").describe_secret, SecretId=arn) == DENIED


@pytest.mark.parametrize(
    ("managed", "expected"),
    [
        pytest.param(True, "InvalidRequestException", id="managed-key"),
        pytest.param(False, DENIED, id="closed-key"),
    ],
)
def test_another_account_cannot_read_without_a_key_that_admits_it(
    account: Account,
    another: Account,
    secrets: Client,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    *,
    managed: bool,
    expected: str,
) -> None:
    """AWS: "you can't use the AWS managed key (aws/secretsmanager) for cross-account access." The
    text of the error: https://repost.aws/knowledge-center/secrets-manager-cross-account-key
    """
    key = {} if managed else {"KmsKeyId": _create_key(account, later)}
    arn = create_secret(SecretString="a", **key)

    _admit(secrets, arn, another.account_id)

    read = another.client("secretsmanager").get_secret_value
    assert eventual_code(read, expected, SecretId=arn) == expected
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "a"
