"""The length of a resource policy, and BlockPublicPolicy, which rejects a public one."""

from __future__ import annotations

import json
from typing import Final

from ministack.services import secretsmanager

from testing.local_aws.patching import Handler, Json, Response, around
from testing.local_aws.refusals import LongPolicy, PublicPolicy

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
_LONGEST: Final = 20_480
# A policy is not public if a condition compares one of these keys with fixed values.
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


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _is_public(statement: Json) -> bool:
    principal = statement.get("Principal")
    anyone = "*" in _as_list(principal.get("AWS") if isinstance(principal, dict) else principal)
    if statement.get("Effect") != "Allow" or not (anyone or "NotPrincipal" in statement):
        return False
    compared = {
        key.lower()
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, values in keys.items()
        if "not" not in operator.lower() and "*" not in _as_list(values)
    }
    return not compared & _NARROWING


@around(secretsmanager, "_put_resource_policy")
def put_resource_policy(original: Handler, request: Json) -> Response:
    """Refuse a long policy, and a public one if the request sets BlockPublicPolicy.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
    """
    if len(request["ResourcePolicy"]) > _LONGEST:
        raise LongPolicy(most=_LONGEST)
    if request.get("BlockPublicPolicy"):
        statements = _as_list(json.loads(request["ResourcePolicy"]).get("Statement", []))
        if any(isinstance(one, dict) and _is_public(one) for one in statements):
            raise PublicPolicy
    return original(request)
