"""IAM users and their credentials: the calls that several strategies make."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rotation.aws import ask, call
from rotation.errors import ConfigurationError, PermissionDenied, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.response import Response
    from rotation.settings import OptionReader

USER_NAME: Final = r"[A-Za-z0-9_+=,.@-]{1,64}"
_USER_ARN: Final = rf"arn:aws[a-z-]*:iam::[0-9]{{12}}:user/(?:[!-~]{{1,510}}/)?{USER_NAME}"

# A user below a path has another ARN than the one that is granted.
_PATH: Final = (
    "If the user has a path, set user_path in the variable rotation to it. Otherwise grant the "
    "action to the function's role, and check whether a permissions boundary or an organization's "
    "policy denies it."
)


class _AlreadyGone(Exception):  # noqa: N818 -- for end this is a success
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """The IAM user that the options name."""

    arn: str
    # A rename keeps the credentials: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html
    former_names: frozenset[str]

    @property
    def name(self) -> str:
        """The user's name, which the API requires."""
        return self.arn.rpartition("/")[2]

    def name_now(self, name: str) -> str:
        """Return the name that a user has now, if it was this user's name before."""
        return self.name if name in self.former_names else name


def user(options: OptionReader) -> User:
    """Read the options about the user.

    Raises:
        ConfigurationError: One is missing or wrong.
    """
    former_names = options.optional_texts("former_user_names")
    if not all(re.fullmatch(USER_NAME, name) for name in former_names):
        options.refuse("former_user_names", [*former_names], "a list of names of IAM users")
    arn = options.text("user_arn", pattern=_USER_ARN, allowed="the ARN of an IAM user")
    return User(arn=arn, former_names=former_names)


def owner(user_name: str) -> str:
    """Return the name of a user as an owner of credentials."""
    return f"IAM user {user_name}"


def require_user(response: Response, user_name: str) -> None:
    """Require this user: another user's credential must be neither stored nor retired."""
    response.text("UserName", pattern=re.escape(user_name), allowed="the name of the user")


def list_credentials(action: str, user_arn: str, effect: Callable[[], object]) -> Response:
    """List a user's credentials, inactive ones included. There are two at most, so one page."""
    absent = ConfigurationError(
        f"{user_arn} does not exist. Create the user, or correct user_name or user_path in the "
        "variable rotation, then rotate again."
    )
    response: Response | None = None
    with suppress(PermissionDenied):
        response = ask(action, user_arn, effect, known={"NoSuchEntity": absent})
    if response is None:
        raise PermissionDenied(action=action, resource=user_arn, cure=_PATH)
    if response.optional_flag("IsTruncated"):
        allowed = "false, because two credentials fit on one page"
        raise response.refusal(name="IsTruncated", given=True, allowed=allowed)
    return response


def create_credential(action: str, user_arn: str, effect: Callable[[], object]) -> Response:
    """Create a credential for a user.

    Raises:
        ServiceUnavailable: Someone else took the slot after the inventory; the retry finds out.
    """
    taken = ServiceUnavailable(action=action, resource=user_arn, answer_lost=False)
    return ask(action, user_arn, effect, known={"LimitExceeded": taken})


def end(action: str, user_arn: str, effect: Callable[[], object]) -> None:
    """Delete or deactivate a user's credential; it is a success if it is already gone."""
    with suppress(_AlreadyGone):
        call(action, user_arn, effect, known={"NoSuchEntity": _AlreadyGone()})
