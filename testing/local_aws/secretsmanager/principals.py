"""The principals that the resource policy of a secret names.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from ministack.services import iam, secretsmanager

from testing.local_aws.iam.member_accounts import in_account
from testing.local_aws.patching import OK, Handler, Json, Response, around
from testing.local_aws.refusals import UnknownPrincipal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ENTITY: Final = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(?:.*/)?([^/]+)")
# Accounts, root users and sessions; the local AWS does not know every account.
_UNCHECKED: Final = re.compile(
    r"\*|\d{12}|arn:aws[a-z-]*:iam::\d{12}:root|arn:aws[a-z-]*:sts::\d{12}:.+"
)
_KINDS: Final = {"Role": (iam._roles, "RoleId"), "User": (iam._users, "UserId")}


def _principals(document: Json) -> Iterator[tuple[Json, list[str]]]:
    """Return each set of principals that has AWS principals, and these."""
    statements = document.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        for element in ("Principal", "NotPrincipal"):
            principal = statement.get(element)
            if isinstance(principal, dict) and "AWS" in principal:
                named = principal["AWS"]
                yield principal, named if isinstance(named, list) else [named]


def _exists(principal: str) -> bool:
    if _UNCHECKED.fullmatch(principal):
        return True
    found = _ENTITY.fullmatch(principal)
    if found is None:
        return False
    entities, _ = _KINDS[found[2].title()]
    with in_account(found[1]):
        entity = entities.get(found[3])
    return entity is not None and entity["Arn"] == principal


@around(secretsmanager, "_put_resource_policy")
def put_resource_policy(original: Handler, request: Json) -> Response:
    """Refuse a policy that names a user or role that does not exist.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
    """
    named = _principals(json.loads(request["ResourcePolicy"]))
    if not all(_exists(principal) for _, principals in named for principal in principals):
        raise UnknownPrincipal
    return original(request)


def rename_principal(former: str, name: str) -> None:
    """Replace a principal in the policies of all secrets."""
    policies = secretsmanager._resource_policies._data
    for secret, policy in list(policies.items()):
        if f'"{former}"' not in policy:
            continue
        document = json.loads(policy)
        for principal, named in _principals(document):
            changed = [name if one == former else one for one in named]
            principal["AWS"] = changed if isinstance(principal["AWS"], list) else changed[0]
        policies[secret] = json.dumps(document)


def _replace_deleted(kind: str, entities: Any, unique_id: str) -> None:
    @around(iam._IAM_HANDLERS, f"Delete{kind}")
    def delete(original: Callable[[Json], Response], parameters: Json) -> Response:
        entity = entities.get(iam._p(parameters, f"{kind}Name"))
        response = original(parameters)
        if response[0] == OK and entity is not None:
            rename_principal(entity["Arn"], entity[unique_id])
        return response


for _kind, (_entities, _unique_id) in _KINDS.items():
    _replace_deleted(_kind, _entities, _unique_id)
