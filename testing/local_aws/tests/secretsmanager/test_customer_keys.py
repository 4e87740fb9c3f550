"""Secrets that are encrypted with a customer managed key.

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
    error_code,
    eventual_code,
)

DENIED = "AccessDeniedException"


@pytest.fixture
def key(account: Account, later: contextlib.ExitStack) -> str:
    kms = account.client("kms")
    arn: str = kms.create_key(Description="contract")["KeyMetadata"]["Arn"]
    later.callback(kms.schedule_key_deletion, KeyId=arn, PendingWindowInDays=7)
    return arn


def grant(account: Account, action: str, key: str, secret_arn: str, service: str) -> Json:
    """Allow the use of a key for one secret only."""
    conditions = {
        "kms:EncryptionContext:SecretARN": secret_arn,
        "kms:ViaService": f"{service}.{account.region}.amazonaws.com",
    }
    return allow(action, key, StringEquals=conditions)


def test_a_reader_needs_kms_decrypt(
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
    assert eventual_code(with_grant, "", SecretId=arn) == ""
    for grants in (
        [],
        [grant(account, "kms:GenerateDataKey", key, arn, "secretsmanager")],
        [grant(account, "kms:Decrypt", key, f"{arn}-another", "secretsmanager")],
        [grant(account, "kms:Decrypt", key, arn, "s3")],
    ):
        assert error_code(reader(*grants), SecretId=arn) == DENIED


def test_a_writer_needs_kms_generate_data_key(
    account: Account, create_secret: CreateSecret, create_user: CreateUser, key: str
) -> None:
    """AWS: "Whenever the secret value in a secret changes, Secrets Manager requests a new data key
    from AWS KMS to protect it", with the permissions of the caller.
    """
    arn = create_secret(KmsKeyId=key)
    write = allow("secretsmanager:PutSecretValue", arn)
    value = {"SecretId": arn, "SecretString": "a"}

    def writer(*actions: str) -> Client:
        grants = [grant(account, action, key, arn, "secretsmanager") for action in actions]
        return create_user(write, *grants).client("secretsmanager").put_secret_value

    assert eventual_code(writer("kms:GenerateDataKey", "kms:Decrypt"), "", **value) == ""
    assert error_code(writer("kms:Decrypt"), **value) == DENIED


def test_a_batch_read_also_needs_kms_decrypt(
    create_secret: CreateSecret, create_user: CreateUser, key: str
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html"""
    arn = create_secret(SecretString="a", KmsKeyId=key)
    actions = ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue"]
    user = create_user(allow(actions, "*")).client("secretsmanager")

    response = user.batch_get_secret_value(SecretIdList=[arn])

    assert response["SecretValues"] == []
    assert [error["ErrorCode"] for error in response["Errors"]] == [DENIED]
