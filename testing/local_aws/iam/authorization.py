"""The resources and condition keys that IAM evaluates for a request."""

from __future__ import annotations

from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.services import iam, secretsmanager

from testing.local_aws.patching import Function, around


@around(iam_actions, "extract_resource_arn")
def extract_resource_arn(original: Function, service: str, *request: Any) -> str:
    """Use the full ARN of users and roles, with their path; for an access key, use its user.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
    """
    arn = str(original(service, *request))
    if service != "iam":
        return arn
    parameters: dict[str, Any] = request[4]
    key = iam._access_keys.get(iam._p(parameters, "AccessKeyId"), {})
    role = iam._roles.get(iam._p(parameters, "RoleName"))
    user = iam._users.get(iam._p(parameters, "UserName") or key.get("UserName"))
    entity = role or user
    return arn if entity is None else str(entity["Arn"])


@around(iam_evaluator, "_resolve_condition_key")
def resolve_condition_key(original: Function, key: str, context: Any) -> object:
    """Set aws:PrincipalArn to the ARN of the role, not of its session.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    # SNS evaluates a topic's policy without the type of the principal.
    if key.lower() == "aws:principalarn" and ":assumed-role/" in context.principal_arn:
        name = iam_evaluator._role_name_from_assumed_arn(context.principal_arn)
        role = iam._roles.get_scoped(context.principal_account, None, name)
        if role is not None:
            return role["Arn"]
    return original(key, context)


@around(iam_evaluator, "enforce")
def enforce(  # noqa: PLR0913, PLR0917 - MiniStack's signature
    original: Function,
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> object:
    """Add the condition key secretsmanager:resource/AllowRotationLambdaArn.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
    """
    context = dict(service_context or {})
    if service == "secretsmanager":
        _, secret = secretsmanager._resolve(resource_arn)
        if secret is not None and secret.get("RotationLambdaARN"):
            context["secretsmanager:resource/AllowRotationLambdaArn"] = secret["RotationLambdaARN"]
    return original(access_key_id, action, service, region, resource_arn, context)


@around(iam_evaluator, "is_root_access_key")
def is_root_access_key(_original: Function, access_key_id: str) -> bool:
    """Require a signature for every access key; MiniStack exempts the root user's.

    A request without a key stays anonymous, and S3 evaluates the bucket policy.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
    """
    return not access_key_id
