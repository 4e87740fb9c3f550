"""What Secrets Manager and Lambda refuse, in their own words.

Refused
 ├─ AccessDenied ─ KeyDenied · CallerMayNotInvoke · ServiceMayNotInvoke
 ├─ InvalidParameter ─ OneValue · OneSchedule · NoRegion · CurrentMustStay
 ├─ InvalidRequest ─ MarkedForDeletion · NameMarkedForDeletion · IsReplica ·
 │                   NoFunction · PreviousRotation · OtherVersion
 ├─ NotFound ─ NoSecret · NoValue
 ├─ PublicPolicy
 ├─ RoleMayNot (Lambda)
 └─ TokenInUse

https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The service answers with an error."""

    code: ClassVar[str]
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class AccessDenied(Refused):
    """The caller, or the service on its behalf, may not."""

    code = "AccessDeniedException"


class KeyDenied(AccessDenied):
    """The caller has no grant on the customer key."""

    message = "Access to KMS is not allowed"


class CallerMayNotInvoke(AccessDenied):
    """RotateSecret needs lambda:InvokeFunction of its caller."""

    def __init__(self, *, function_arn: str) -> None:
        self.message = f"You are not authorized to perform: lambda:InvokeFunction on {function_arn}"


class ServiceMayNotInvoke(AccessDenied):
    """The function's policy does not let Secrets Manager in."""

    message = (
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function "
        "policy grants access to the principal secretsmanager.amazonaws.com."
    )


class InvalidParameter(Refused):
    """A parameter contradicts itself or another."""

    code = "InvalidParameterException"


class OneValue(InvalidParameter):
    """A version holds one value."""

    message = "You must provide either SecretString or SecretBinary, but not both."


class OneSchedule(InvalidParameter):
    """A rotation has one schedule."""

    message = "You can't specify both AutomaticallyAfterDays and ScheduleExpression."


class NoRegion(InvalidParameter):
    """No region is named."""

    message = "RemoveReplicaRegions must name at least one region."


class CurrentMustStay(InvalidParameter):
    """A secret that has a value always has a current one."""

    message = (
        "You can only move staging label AWSCURRENT to a different secret version. "
        "It can't be completely removed."
    )


class InvalidRequest(Refused):
    """The secret is not in a state that allows it."""

    code = "InvalidRequestException"


class MarkedForDeletion(InvalidRequest):
    """The secret waits for its deletion."""

    message = "You can't perform this operation on the secret because it was marked for deletion."


class NameMarkedForDeletion(InvalidRequest):
    """A secret of that name waits for its deletion."""

    message = (
        "You can't create this secret because a secret with this name is already "
        "scheduled for deletion."
    )


class IsReplica(InvalidRequest):
    """Only the primary secret can be changed."""

    message = "You can't perform this operation on a replica secret."


class NoFunction(InvalidRequest):
    """Nothing is configured to rotate the secret."""

    message = "No Lambda rotation function ARN is associated with this secret."


class PreviousRotation(InvalidRequest):
    """AWSPENDING is still on a version of its own."""

    message = "A previous rotation isn't complete. That rotation will be reattempted."


class OtherVersion(InvalidRequest):
    """Id and label name different versions."""

    message = "You provided a VersionStage that is not associated to the provided VersionId."


class NotFound(Refused):
    """There is no such thing."""

    code = "ResourceNotFoundException"


class NoSecret(NotFound):
    """No secret has that name or ARN."""

    message = "Secrets Manager can't find the specified secret."


class NoValue(NotFound):
    """No version, or one that is only staged."""

    def __init__(self, *, version_id: str | None, stage: str | None) -> None:
        which = f"VersionId: {version_id}" if version_id else f"staging label: {stage}"
        self.message = f"Secrets Manager can't find the specified secret value for {which}"


class PublicPolicy(Refused):
    """BlockPublicPolicy was asked for."""

    code = "PublicPolicyException"
    message = "You can't attach a resource policy that allows broad access to the secret."


class RoleMayNot(Refused):
    """A function's role lacks what the function's configuration needs."""

    code = "InvalidParameterValueException"

    def __init__(self, *, action: str) -> None:
        service, _, operation = action.partition(":")
        self.message = (
            "The provided execution role does not have permissions to call "
            f"{operation} on {service.upper()}"
        )


class TokenInUse(Refused):
    """A version cannot be given another value."""

    code = "ResourceExistsException"

    def __init__(self, *, version_id: str, secret_arn: str) -> None:
        self.message = (
            f"You can't use ClientRequestToken {version_id} because that value is already in use "
            f"for a version of secret {secret_arn}."
        )
