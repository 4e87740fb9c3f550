"""A user gets another name or path, and the lists that a client reads before it deletes a user.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_users_rename.html
https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ministack.core.responses import get_account_id
from ministack.services import iam

from testing.local_aws.secretsmanager.principals import rename_principal

if TYPE_CHECKING:
    from testing.local_aws.patching import Json, Response

# The local AWS cannot create these items, so every list is empty.
_LISTS: Final = {
    "ListSSHPublicKeys": "<SSHPublicKeys/>",
    "ListSigningCertificates": "<Certificates/>",
}


def _add_empty_list(action: str, members: str) -> None:
    def list_items(_parameters: Json) -> Response:
        response: Response = iam._xml(
            200,
            f"{action}Response",
            f"<{action}Result>{members}<IsTruncated>false</IsTruncated></{action}Result>",
        )
        return response

    iam._IAM_HANDLERS[action] = list_items


for _action, _members in _LISTS.items():
    _add_empty_list(_action, _members)


def _refuse(status: int, code: str, message: str) -> Response:
    refused: Response = iam._error(status, code, message)
    return refused


def _move(user: Json, name: str, path: str) -> None:
    """Move the user with its keys, credentials, policies and groups; its unique ID stays."""
    former, former_arn = user["UserName"], user["Arn"]
    arn = f"arn:aws:iam::{get_account_id()}:user{path}{name}"
    user.update(UserName=name, Path=path, Arn=arn)
    for store in (iam._users, iam._user_inline_policies, iam._login_profiles):
        if former in store:
            store[name] = store.pop(former)
    for store in (iam._access_keys, iam._service_credentials):
        for record in store.values():
            if record["UserName"] == former:
                record["UserName"] = name
    for group in iam._groups.values():
        group["Users"] = [name if one == former else one for one in group.get("Users", [])]
    rename_principal(former_arn, arn)


def update_user(parameters: Json) -> Response:
    """Change the name or the path of a user.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateUser.html
    """
    name = str(iam._p(parameters, "UserName"))
    user = iam._users.get(name)
    if user is None:
        return _refuse(404, "NoSuchEntity", f"The user with name {name} cannot be found.")
    new_name = str(iam._p(parameters, "NewUserName")) or name
    if new_name != name and new_name in iam._users:
        return _refuse(409, "EntityAlreadyExists", f"User with name {new_name} already exists.")
    _move(user, new_name, str(iam._p(parameters, "NewPath")) or user["Path"])
    response: Response = iam._xml(200, "UpdateUserResponse", "")
    return response


iam._IAM_HANDLERS["UpdateUser"] = update_user
