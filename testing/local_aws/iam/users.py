"""What DeleteUser's callers ask for first.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ministack.services import iam

if TYPE_CHECKING:
    from testing.local_aws.patching import Answer, Json

# Nothing here makes one of these, so that every list is empty.
_LISTS: Final = {
    "ListSSHPublicKeys": "<SSHPublicKeys/>",
    "ListSigningCertificates": "<Certificates/>",
}


def _empty_list(action: str, members: str) -> None:
    def answer(_parameters: Json) -> Answer:
        written: Answer = iam._xml(
            200,
            f"{action}Response",
            f"<{action}Result>{members}<IsTruncated>false</IsTruncated></{action}Result>",
        )
        return written

    iam._IAM_HANDLERS[action] = answer


for _action, _members in _LISTS.items():
    _empty_list(_action, _members)
