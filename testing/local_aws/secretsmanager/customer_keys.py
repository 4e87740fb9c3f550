"""The KMS keys of a secret's versions, and the permissions that readers and writers need for them.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, secretsmanager

from testing.local_aws.iam.member_accounts import in_account
from testing.local_aws.patching import OK, Handler, Json, Response, around, caller
from testing.local_aws.refusals import KeyDenied, ManagedKeyOfAnotherAccount
from testing.local_aws.secretsmanager.other_accounts import calling_account
from testing.local_aws.secretsmanager.versions import has_value, version_with_label

_MANAGED_KEY = "alias/aws/secretsmanager"
_KEYS = "_KmsKeyIds"
_VALIDATION = "RequestToValidateKeyAccess"
_REENCRYPTED = ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS")


def _is_managed(key_id: str | None) -> bool:
    return not key_id or key_id.endswith(_MANAGED_KEY)


def _may(action: str, key_id: str | None, secret_arn: str) -> bool:
    """Return whether the caller may use the key, which Secrets Manager uses for the caller.

    AWS's own key admits only its account.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
    """
    account_id = calling_account()
    if _is_managed(key_id):
        return bool(account_id == get_account_id())
    key = kms._resolve_key(key_id)
    if key is None or kms._check_key_state(key) is not None:
        return False
    context = {
        "kms:ViaService": f"secretsmanager.{get_region()}.amazonaws.com",
        "kms:CallerAccount": account_id,
        "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
        "kms:EncryptionContext:SecretARN": secret_arn,
    }
    with in_account(account_id):
        return not iam_evaluator.enforce(
            caller(), action, "kms", get_region(), resource_arn=key["Arn"], service_context=context
        )


def _keys(secret: Json, version: Json) -> list[str | None]:
    """Return the keys under which a version is encrypted; each of them decrypts it."""
    if secretsmanager._is_replica(secret):
        return [secret.get("KmsKeyId")]
    keys: list[str | None] = version.get(_KEYS, [secret.get("KmsKeyId")])
    return keys


def _require_valid(key_id: str | None) -> None:
    """Require what Secrets Manager checks when a secret gets a key, with a context of its own.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html#security-encryption-using-cmk
    """
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        if not _may(action, key_id, _VALIDATION):
            raise KeyDenied


def _requested_version(secret: Json, request: Json) -> Json | None:
    version_id = request.get("VersionId") or version_with_label(
        secret, request.get("VersionStage") or "AWSCURRENT"
    )
    version: Json | None = secret["Versions"].get(version_id)
    return version


@around(secretsmanager, "_get_secret_value")
def get_secret_value(original: Handler, request: Json) -> Response:
    """Require kms:Decrypt of the reader, on a key of the version.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    version = None if secret is None else _requested_version(secret, request)
    if version is not None and has_value(version):
        keys = _keys(secret, version)
        if not any(_may("kms:Decrypt", key, secret["ARN"]) for key in keys):
            raise ManagedKeyOfAnotherAccount if all(map(_is_managed, keys)) else KeyDenied
    return original(request)


@around(secretsmanager, "_put_secret_value")
def put_secret_value(original: Handler, request: Json) -> Response:
    """Require kms:GenerateDataKey of the writer, and encrypt the version under the secret's key.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    if secret is None:
        return original(request)
    if not _may("kms:GenerateDataKey", secret.get("KmsKeyId"), secret["ARN"]):
        raise KeyDenied
    response = original(request)
    for version in secret["Versions"].values():
        if has_value(version):
            version.setdefault(_KEYS, [secret.get("KmsKeyId")])
    return response


@around(secretsmanager, "_create_secret")
def create_secret(original: Handler, request: Json) -> Response:
    """Require the permissions for the key, also without a value.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
    """
    _require_valid(request.get("KmsKeyId"))
    return original(request)


@around(secretsmanager, "_update_secret")
def update_secret(original: Handler, request: Json) -> Response:
    """Change the key, and re-encrypt the versions with AWS's labels if the caller may do that.

    The former key still decrypts a version that was re-encrypted.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_update-encryption-key.html
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecret.html
    """
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    if secret is None or "KmsKeyId" not in request:
        return original(request)
    # DescribeSecret omits AWS's own key.
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    new_key = None if _is_managed(request["KmsKeyId"]) else request["KmsKeyId"]
    arn = secret["ARN"]
    _require_valid(new_key)
    reencrypted = [
        version
        for version in secret["Versions"].values()
        if has_value(version)
        and any(label in _REENCRYPTED for label in version["Stages"])
        and _may("kms:Encrypt", new_key, arn)
        and any(_may("kms:Decrypt", key, arn) for key in _keys(secret, version))
    ]
    response = original({**request, "KmsKeyId": new_key})
    if response[0] == OK:
        for version in reencrypted:
            version[_KEYS] = [*_keys(secret, version), new_key]
    return response
