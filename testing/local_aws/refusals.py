"""The errors of Secrets Manager and Lambda, with AWS's error codes and messages.

Refused
 ├─ AccessDenied ─ KeyDenied · CallerMayNotInvoke · ServiceMayNotInvoke
 ├─ InvalidParameter ─ OneValue · OneSchedule · NoRegion · CurrentMustStay
 ├─ InvalidRequest ─ MarkedForDeletion · NameMarkedForDeletion · IsReplica ·
 │                   NoFunction · PreviousRotation · OtherVersion · ManagedKeyOfAnotherAccount
 ├─ NotFound ─ NoSecret · NoValue
 ├─ LongPolicy
 ├─ PublicPolicy
 ├─ UnknownPrincipal
 ├─ TooManyVersions
 ├─ InvalidValue (Lambda) ─ RoleMayNot · LargeEnvironment · LatestHasNoPolicy
 └─ TokenInUse

https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):  # noqa: N818 - a response of the service, not a fault
    """The service returns an error."""

    code: ClassVar[str]
    message: str = ""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class AccessDenied(Refused):
    """The caller, or the service that acts for the caller, has no permission."""

    code = "AccessDeniedException"


class KeyDenied(AccessDenied):
    """The caller has no permission for the customer managed key."""

    message = "Access to KMS is not allowed"


class CallerMayNotInvoke(AccessDenied):
    """The caller of RotateSecret has no lambda:InvokeFunction permission."""

    def __init__(self, *, function_arn: str) -> None:
        self.message = f"You are not authorized to perform: lambda:InvokeFunction on {function_arn}"


class ServiceMayNotInvoke(AccessDenied):
    """The function's policy does not allow Secrets Manager to invoke it."""

    message = (
        "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function "
        "policy grants access to the principal secretsmanager.amazonaws.com."
    )


class InvalidParameter(Refused):
    """A parameter is invalid, or contradicts another one."""

    code = "InvalidParameterException"


class OneValue(InvalidParameter):
    """A version must have exactly one value."""

    message = "You must provide either SecretString or SecretBinary, but not both."


class OneSchedule(InvalidParameter):
    """A rotation must have exactly one schedule."""

    message = "You can't specify both AutomaticallyAfterDays and ScheduleExpression."


class NoRegion(InvalidParameter):
    """The request names no region."""

    message = "RemoveReplicaRegions must name at least one region."


class CurrentMustStay(InvalidParameter):
    """AWSCURRENT can be moved but not removed."""

    message = (
        "You can only move staging label AWSCURRENT to a different secret version. "
        "It can't be completely removed."
    )


class InvalidRequest(Refused):
    """The state of the secret does not allow the request."""

    code = "InvalidRequestException"


class MarkedForDeletion(InvalidRequest):
    """The secret is scheduled for deletion."""

    message = "You can't perform this operation on the secret because it was marked for deletion."


class NameMarkedForDeletion(InvalidRequest):
    """A secret with this name is scheduled for deletion."""

    message = (
        "You can't create this secret because a secret with this name is already "
        "scheduled for deletion."
    )


class IsReplica(InvalidRequest):
    """The secret is a replica; only the primary secret can be changed."""

    message = "You can't perform this operation on a replica secret."


class NoFunction(InvalidRequest):
    """The secret has no rotation function."""

    message = "No Lambda rotation function ARN is associated with this secret."


class PreviousRotation(InvalidRequest):
    """AWSPENDING is on a version that is not AWSCURRENT."""

    message = "A previous rotation isn't complete. That rotation will be reattempted."


class OtherVersion(InvalidRequest):
    """VersionId and VersionStage name different versions."""

    message = "You provided a VersionStage that is not associated to the provided VersionId."


class ManagedKeyOfAnotherAccount(InvalidRequest):
    """The secret is encrypted with AWS's own key, and the caller is in another account."""

    message = (
        "You can't access a secret from a different AWS account if you encrypt the secret with "
        "the default KMS service key."
    )


class NotFound(Refused):
    """The resource does not exist."""

    code = "ResourceNotFoundException"


class NoSecret(NotFound):
    """No secret has that name or ARN."""

    message = "Secrets Manager can't find the specified secret."


class NoValue(NotFound):
    """The version does not exist or has no value yet."""

    def __init__(self, *, version_id: str | None, stage: str | None) -> None:
        which = f"VersionId: {version_id}" if version_id else f"staging label: {stage}"
        self.message = f"Secrets Manager can't find the specified secret value for {which}"


class LongPolicy(Refused):
    """The policy has too many characters."""

    code = "ValidationException"

    def __init__(self, *, most: int) -> None:
        self.message = (
            "1 validation error detected: Value at 'resourcePolicy' failed to satisfy constraint: "
            f"Member must have length less than or equal to {most}"
        )


class PublicPolicy(Refused):
    """The policy is public, and the request sets BlockPublicPolicy."""

    code = "PublicPolicyException"
    message = "You can't attach a resource policy that allows broad access to the secret."


class UnknownPrincipal(Refused):
    """The policy names a principal that does not exist."""

    code = "MalformedPolicyDocumentException"
    message = "This resource policy contains an unsupported principal."


class TooManyVersions(Refused):
    """The secret has as many versions as it can have."""

    code = "LimitExceededException"

    def __init__(self, *, most: int) -> None:
        self.message = f"You have reached the quota of {most} versions of this secret."


class InvalidValue(Refused):
    """Lambda does not accept a parameter."""

    code = "InvalidParameterValueException"


class LargeEnvironment(InvalidValue):
    """The variables of a function have more than 4 KB."""

    def __init__(self, *, measured: str) -> None:
        self.message = (
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. "
            f"String measured: {measured}"
        )


class LatestHasNoPolicy(InvalidValue):
    """A permission names the version $LATEST."""

    message = "We currently do not support adding policies for $LATEST."


class RoleMayNot(InvalidValue):
    """A function's role has no permission for an action that its configuration needs."""

    def __init__(self, *, action: str) -> None:
        service, _, operation = action.partition(":")
        self.message = (
            "The provided execution role does not have permissions to call "
            f"{operation} on {service.upper()}"
        )


class TokenInUse(Refused):
    """The version already has a different value."""

    code = "ResourceExistsException"

    def __init__(self, *, version_id: str, secret_arn: str) -> None:
        self.message = (
            f"You can't use ClientRequestToken {version_id} because that value is already in use "
            f"for a version of secret {secret_arn}."
        )
