"""BlockPublicPolicy: no secret for everybody."""

from __future__ import annotations

import json
from typing import Final

from ministack.services import secretsmanager

from testing.local_aws.patching import Answer, Handler, Json, around
from testing.local_aws.refusals import PublicPolicy

# A fixed value of one of these narrows "everybody" to somebody.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
_NARROWING: Final = {
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
}


def _as_list(held: object) -> list[object]:
    return held if isinstance(held, list) else [held]


def _is_public(statement: Json) -> bool:
    principal = statement.get("Principal")
    everybody = "*" in _as_list(principal.get("AWS") if isinstance(principal, dict) else principal)
    if statement.get("Effect") != "Allow" or not (everybody or "NotPrincipal" in statement):
        return False
    compared = {
        key.lower()
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, values in keys.items()
        if "not" not in operator.lower() and "*" not in _as_list(values)
    }
    return not compared & _NARROWING


@around(secretsmanager, "_put_resource_policy")
def put_resource_policy(original: Handler, request: Json) -> Answer:
    """Refuse a public policy where the caller asks for that.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
    """
    if request.get("BlockPublicPolicy"):
        statements = _as_list(json.loads(request["ResourcePolicy"]).get("Statement", []))
        if any(isinstance(held, dict) and _is_public(held) for held in statements):
            raise PublicPolicy
    return original(request)
