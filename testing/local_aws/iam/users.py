"""Lists that a client reads before it deletes a user.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ministack.services import iam

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
