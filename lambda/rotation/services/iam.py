"""IAM users and what IAM makes for them: the calls that strategies have in common."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from rotation.aws import ask, call
from rotation.errors import ConfigurationError, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.response import Response
    from rotation.settings import OptionReader

USER_NAME: Final = r"[A-Za-z0-9_+=,.@-]{1,64}"
_USER_ARN: Final = rf"arn:aws[a-z-]*:iam::[0-9]{{12}}:user/(?:[!-~]{{1,510}}/)?{USER_NAME}"


class _GoneAlready(Exception):  # noqa: N818 -- what delete wants is no error
    pass


def user_arn(options: OptionReader) -> str:
    """Read the option that says which user.

    Raises:
        ConfigurationError: It is missing or wrong.
    """
    return options.text("user_arn", pattern=_USER_ARN, allowed="the ARN of an IAM user")


def name_of(user_arn: str) -> str:
    """Tell a user's name, which the calls ask for."""
    return user_arn.rpartition("/")[2]


def owner(user_name: str) -> str:
    """Name a user as the owner of credentials."""
    return f"IAM user {user_name}"


def require_user(answer: Response, user_name: str) -> None:
    """Insist on this user: another one's credential must be neither stored nor retired."""
    answer.text("UserName", pattern=re.escape(user_name), allowed="the name of the user asked for")


def list_credentials(action: str, user_arn: str, effect: Callable[[], object]) -> Response:
    """List what a user holds, inactive ones included; two are fewer than one page."""
    answer = ask(
        action,
        user_arn,
        effect,
        known={"NoSuchEntity": ConfigurationError.no_such_owner(owner=user_arn)},
    )
    answer.unset("IsTruncated", allowed="false, as two keys fill no page")
    return answer


def create_credential(action: str, user_arn: str, effect: Callable[[], object]) -> Response:
    """Make one more for a user.

    Raises:
        ServiceUnavailable: Somebody took the slot since the inventory was made; the retry sees
            who.
    """
    taken = ServiceUnavailable(action=action, resource=user_arn, answer_lost=False)
    return ask(action, user_arn, effect, known={"LimitExceeded": taken})


def delete(action: str, user_arn: str, effect: Callable[[], object]) -> None:
    """Delete what a user holds; what is gone already is a success."""
    with suppress(_GoneAlready):
        call(action, user_arn, effect, known={"NoSuchEntity": _GoneAlready()})
