"""The KMS permissions that readers and writers of a secret need for a customer managed key.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from __future__ import annotations

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, secretsmanager

from testing.local_aws.patching import Handler, Json, Response, around, caller
from testing.local_aws.refusals import KeyDenied

_MANAGED_KEY = "alias/aws/secretsmanager"


def _require(action: str, key_id: str | None, secret_arn: str | None) -> None:
    """Require the caller's permission for the key, which Secrets Manager uses for the caller."""
    if not key_id or key_id.endswith(_MANAGED_KEY):
        return
    key = kms._resolve_key(key_id)
    context = {
        "kms:ViaService": f"secretsmanager.{get_region()}.amazonaws.com",
        "kms:CallerAccount": get_account_id(),
        "kms:EncryptionContextKeys": ["SecretARN", "SecretVersionId"],
    }
    if secret_arn is not None:
        context["kms:EncryptionContext:SecretARN"] = secret_arn
    denied = key is None or iam_evaluator.enforce(
        caller(), action, "kms", get_region(), resource_arn=key["Arn"], service_context=context
    )
    if denied:
        raise KeyDenied


@around(secretsmanager, "_get_secret_value")
def get_secret_value(original: Handler, request: Json) -> Response:
    """Require kms:Decrypt of the reader."""
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    if secret is not None:
        _require("kms:Decrypt", secret.get("KmsKeyId"), secret["ARN"])
    return original(request)


@around(secretsmanager, "_put_secret_value")
def put_secret_value(original: Handler, request: Json) -> Response:
    """Require kms:GenerateDataKey of the writer."""
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    if secret is not None:
        _require("kms:GenerateDataKey", secret.get("KmsKeyId"), secret["ARN"])
    return original(request)
