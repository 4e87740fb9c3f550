"""The policies of users and roles take effect after a delay.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
"""

from __future__ import annotations

import time
from typing import Any, TypeAlias

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam

from testing.local_aws.patching import Function, Handler, Json, Response, around
from testing.local_aws.switches import Current

Policies: TypeAlias = list[list[Any]]

_ACTIONS = ("Put{}Policy", "Delete{}Policy", "Attach{}Policy", "Detach{}Policy")
# For each user or role, when its policies changed, and the policies before that.
_changes: dict[str, list[tuple[float, Policies]]] = {}


def _unique_id(entity: Json) -> str:
    return str(entity.get("UserId") or entity["RoleId"])


def _delay(kind: str, entities: Any, gather_name: str) -> None:
    gather: Function = getattr(iam_evaluator, gather_name)

    def change(original: Handler, parameters: Json) -> Response:
        name = iam._p(parameters, f"{kind}Name")
        entity = entities.get(name)
        if entity is not None and Current.switches.policy_propagation_seconds:
            before = gather(name, get_account_id())
            _changes.setdefault(_unique_id(entity), []).append((time.monotonic(), before))
        return original(parameters)

    for action in _ACTIONS:
        around(iam._IAM_HANDLERS, action.format(kind))(change)

    @around(iam_evaluator, gather_name)
    def gather_enforced(original: Function, name: str, account_id: str) -> Policies:
        entity = entities.get_scoped(account_id, None, name)
        enforced = time.monotonic() - Current.switches.policy_propagation_seconds
        if not Current.switches.policy_propagation_seconds:
            _changes.clear()
        for changed, before in _changes.get(_unique_id(entity), ()) if entity else ():
            if changed > enforced:
                return before
        policies: Policies = original(name, account_id)
        return policies


_delay("Role", iam._roles, "_gather_role_policies")
_delay("User", iam._users, "_gather_user_policies")
