"""Undoes the deactivation of the previous credential of a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotating_secret.errors import AwsRefusedError, Exit, StoppedError, UsageError
from rotating_secret.secret import previous_of
from rotating_secret.survey import describe, read_function

if TYPE_CHECKING:
    from rotating_secret.aws import Region
    from rotating_secret.secret import Previous


class NothingPreviousError(UsageError):
    """No function retires the previous credential of the secret, or it has not looked yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} must have the module's option previous_credential, and its function must have "
            "looked at the previous credential since the last rotation. Found: no tag "
            "rotation-previous that says so. Nothing was changed."
        )


class NoUserError(UsageError):
    """The settings of the function name no user, or the caller can't read them."""

    def __init__(self, name: str, credential: str) -> None:
        super().__init__(
            f"The function of {name} must have settings that the caller can read, because they "
            "name the user. Found: none with a user. Nothing was changed. Run: aws iam "
            f"update-access-key --status Active --access-key-id {credential} --user-name USER"
        )


class GoneError(StoppedError):
    """The user has no such key."""

    exit_code = Exit.UNHEALTHY

    def __init__(self, credential: str, user: str) -> None:
        super().__init__(
            f"{user} must still have the previous credential. Found: no key {credential}, because "
            "it was deleted. Nothing was changed. Have its applications read the secret again."
        )


def reactivate(region: Region, name: str) -> tuple[Previous, str | None]:
    """Reactivate the key that the tag of the secret names, unless the tag says it is active.

    Only the function's role may write the tag. The function's settings name the user, and IAM
    changes the key only if it is one of that user.

    Returns:
        The state of the key before, and its user; None: it is active already.

    Raises:
        StoppedError: There is no such key, or a call failed.
    """
    described = describe(region, name)
    previous = previous_of(described)
    if previous is None:
        raise NothingPreviousError(name)
    if previous.active:
        return previous, None
    arn = described.get("RotationLambdaARN")
    account = described["ARN"].split(":")[4]
    function = read_function(region, arn, account=account) if arn else None
    options = ((function.settings if function else None) or {}).get("options", {})
    user = str(options.get("user_arn", "")).rpartition("/")[2]
    if not user:
        raise NoUserError(name, previous.credential)
    try:
        with region.asking("iam:UpdateAccessKey", user):
            region.users.update_access_key(
                UserName=user, AccessKeyId=previous.credential, Status="Active"
            )
    except AwsRefusedError as error:
        if error.code.startswith("NoSuchEntity"):
            raise GoneError(previous.credential, user) from None
        raise
    return previous, user
