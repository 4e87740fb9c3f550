"""Secrets that are encrypted with a customer managed key.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

import contextlib
from collections.abc import Callable
from typing import TypeAlias

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


CreateKey: TypeAlias = Callable[[], str]


@pytest.fixture
def create_key(account: Account, later: contextlib.ExitStack) -> CreateKey:
    kms = account.client("kms")

    def create() -> str:
        arn: str = kms.create_key(Description="contract")["KeyMetadata"]["Arn"]
        later.callback(kms.schedule_key_deletion, KeyId=arn, PendingWindowInDays=7)
        return arn

    return create


@pytest.fixture
def key(create_key: CreateKey) -> str:
    return create_key()


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


VALIDATE = ["kms:GenerateDataKey", "kms:Decrypt"]
LABELS = ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS", "mine")


def _reader(create_user: CreateUser, arn: str, key: str) -> Callable[[str], str]:
    """Return a function that returns the error code if a user of one key reads a label."""
    grants = [allow("secretsmanager:GetSecretValue", arn), allow("kms:Decrypt", key)]
    read = create_user(*grants).client("secretsmanager").get_secret_value
    return lambda label: error_code(read, SecretId=arn, VersionStage=label)


def _put_one_version_for_each_label(secrets: Client, arn: str) -> None:
    for labels in (["mine"], ["AWSCURRENT"], ["AWSCURRENT"], ["AWSPENDING"]):
        secrets.put_secret_value(SecretId=arn, SecretString=labels[0], VersionStages=labels)


def test_a_new_key_reencrypts_the_versions_with_labels_of_aws(
    secrets: Client, create_secret: CreateSecret, create_user: CreateUser, create_key: CreateKey
) -> None:
    """AWS: "When you change the encryption key, Secrets Manager re-encrypts AWSCURRENT, AWSPENDING,
    and AWSPREVIOUS versions with the new key. To avoid locking you out of the secret, Secrets
    Manager keeps all existing versions encrypted with the previous key. That means you can decrypt
    AWSCURRENT, AWSPENDING, and AWSPREVIOUS versions with the previous key or the new key."
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
    """
    old, new = create_key(), create_key()
    arn = create_secret(SecretString="a", KmsKeyId=old)
    _put_one_version_for_each_label(secrets, arn)

    secrets.update_secret(SecretId=arn, KmsKeyId=new)

    with_old, with_new = (_reader(create_user, arn, key) for key in (old, new))
    assert [with_old(label) for label in LABELS] == ["", "", "", ""]
    assert [with_new(label) for label in LABELS] == ["", "", "", DENIED]


def test_a_secret_goes_back_to_the_key_of_aws(
    secrets: Client, create_secret: CreateSecret, create_user: CreateUser, create_key: CreateKey
) -> None:
    """AWS: "If the secret is encrypted with the AWS managed key aws/secretsmanager, this field is
    omitted."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    old = create_key()
    arn = create_secret(SecretString="a", KmsKeyId=old)

    secrets.update_secret(SecretId=arn, KmsKeyId="alias/aws/secretsmanager")

    assert "KmsKeyId" not in secrets.describe_secret(SecretId=arn)
    secrets.put_secret_value(SecretId=arn, SecretString="b")
    assert _reader(create_user, arn, old)("AWSCURRENT") == ""


def test_a_version_after_the_change_has_the_new_key_only(
    secrets: Client, create_secret: CreateSecret, create_user: CreateUser, create_key: CreateKey
) -> None:
    """AWS: "To make it so AWSCURRENT can only be decrypted by the new encryption key, create a new
    version of the secret with the new key."
    """
    old, new = create_key(), create_key()
    arn = create_secret(SecretString="a", KmsKeyId=old)
    secrets.update_secret(SecretId=arn, KmsKeyId=new)

    secrets.put_secret_value(SecretId=arn, SecretString="b")

    assert _reader(create_user, arn, old)("AWSCURRENT") == DENIED
    assert _reader(create_user, arn, new)("AWSCURRENT") == ""


@pytest.mark.parametrize(
    ("old_actions", "new_actions", "reencrypted"),
    [
        pytest.param(["kms:Decrypt"], [*VALIDATE, "kms:Encrypt"], True, id="all"),
        pytest.param(["kms:Decrypt"], VALIDATE, False, id="no-encrypt-with-the-new-key"),
        pytest.param([], [*VALIDATE, "kms:Encrypt"], False, id="no-decrypt-with-the-old-key"),
    ],
)
def test_versions_are_reencrypted_only_if_the_caller_may_do_that(
    create_secret: CreateSecret,
    create_user: CreateUser,
    create_key: CreateKey,
    old_actions: list[str],
    new_actions: list[str],
    *,
    reencrypted: bool,
) -> None:
    """AWS: "If you don't have kms:Encrypt permission to the new key, Secrets Manager does not
    re-encrypt existing secret versions with the new key."
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    """
    old, new = create_key(), create_key()
    arn = create_secret(SecretString="a", KmsKeyId=old)
    grants = [allow(old_actions, old)] if old_actions else []
    grants += [allow(new_actions, new), allow("secretsmanager:UpdateSecret", arn)]
    update = create_user(*grants).client("secretsmanager").update_secret

    assert eventual_code(update, "", SecretId=arn, KmsKeyId=new) == ""

    assert _reader(create_user, arn, new)("AWSCURRENT") == ("" if reencrypted else DENIED)


@pytest.mark.parametrize("allowed", VALIDATE)
def test_a_secret_gets_a_key_only_from_a_caller_who_may_use_it(
    create_secret: CreateSecret, create_user: CreateUser, key: str, name: str, allowed: str
) -> None:
    """AWS: "When you establish or change the KMS key that is associated with secret, Secrets
    Manager calls the GenerateDataKey and Decrypt operations with the specified KMS key. These
    calls confirm that the caller has permission to use the KMS key".
    """
    arn = create_secret(SecretString="a")
    actions = ["secretsmanager:UpdateSecret", "secretsmanager:CreateSecret"]
    user = create_user(allow(actions, "*"), allow(allowed, key)).client("secretsmanager")

    assert error_code(user.update_secret, SecretId=arn, KmsKeyId=key) == DENIED
    assert error_code(user.create_secret, Name=f"{name}-new", KmsKeyId=key) == DENIED


def test_a_disabled_key_decrypts_nothing(
    account: Account, secrets: Client, create_secret: CreateSecret, key: str
) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html"""
    arn = create_secret(SecretString="a", KmsKeyId=key)

    account.client("kms").disable_key(KeyId=key)

    assert error_code(secrets.get_secret_value, SecretId=arn) != ""
