"""Secrets under a customer key.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    CreateUser,
    Json,
    allow,
    decided,
    error_code,
)

DENIED = "AccessDeniedException"


@pytest.fixture
def key(account: Account, later: contextlib.ExitStack) -> str:
    kms = account.client("kms")
    made: str = kms.create_key(Description="contract")["KeyMetadata"]["Arn"]
    later.callback(kms.schedule_key_deletion, KeyId=made, PendingWindowInDays=7)
    return made


def grant(account: Account, action: str, key: str, secret_arn: str, service: str) -> Json:
    """What a role needs that is to use a key for one secret alone."""
    conditions = {
        "kms:EncryptionContext:SecretARN": secret_arn,
        "kms:ViaService": f"{service}.{account.region}.amazonaws.com",
    }
    return allow(action, key, StringEquals=conditions)


def test_a_reader_needs_to_decrypt(
    account: Account, create_secret: CreateSecret, create_user: CreateUser, key: str
) -> None:
    """AWS: "If the secret is encrypted using a customer-managed key instead of the AWS managed key
    aws/secretsmanager, then you also need kms:Decrypt permissions for that key."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """
    arn = create_secret(SecretString="a", KmsKeyId=key)
    read = allow("secretsmanager:GetSecretValue", arn)

    def reader(*grants: Json) -> Client:
        return create_user(read, *grants).client("secretsmanager").get_secret_value

    with_grant = reader(grant(account, "kms:Decrypt", key, arn, "secretsmanager"))
    assert decided(with_grant, "", SecretId=arn) == ""
    for grants in (
        [],
        [grant(account, "kms:GenerateDataKey", key, arn, "secretsmanager")],
        [grant(account, "kms:Decrypt", key, f"{arn}-another", "secretsmanager")],
        [grant(account, "kms:Decrypt", key, arn, "s3")],
    ):
        assert error_code(reader(*grants), SecretId=arn) == DENIED


def test_a_writer_needs_a_data_key(
    account: Account, create_secret: CreateSecret, create_user: CreateUser, key: str
) -> None:
    """AWS: "Whenever the secret value in a secret changes, Secrets Manager requests a new data key
    from AWS KMS to protect it", on behalf of the caller.
    """
    arn = create_secret(KmsKeyId=key)
    write = allow("secretsmanager:PutSecretValue", arn)
    value = {"SecretId": arn, "SecretString": "a"}

    def writer(*actions: str) -> Client:
        grants = [grant(account, action, key, arn, "secretsmanager") for action in actions]
        return create_user(write, *grants).client("secretsmanager").put_secret_value

    assert decided(writer("kms:GenerateDataKey", "kms:Decrypt"), "", **value) == ""
    assert error_code(writer("kms:Decrypt"), **value) == DENIED


def test_a_secret_read_in_a_batch_needs_the_key_too(
    create_secret: CreateSecret, create_user: CreateUser, key: str
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html"""
    arn = create_secret(SecretString="a", KmsKeyId=key)
    actions = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
    user = create_user(allow(actions, "*")).client("secretsmanager")

    answer = user.batch_get_secret_value(SecretIdList=[arn])

    assert answer["SecretValues"] == []
    assert [error["ErrorCode"] for error in answer["Errors"]] == [DENIED]
