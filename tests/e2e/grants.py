"""The grants of a deployed role, and the same role without one of them."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from dev.demo.account import Aws


def _policies(aws: Aws, role: str) -> dict[str, Any]:
    iam = aws.client("iam")
    return {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }


def granted(aws: Aws, role: str) -> set[str]:
    """Every action that one of the role's own policies allows."""
    return {
        action
        for document in _policies(aws, role).values()
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }


@contextlib.contextmanager
def without(aws: Aws, role: str, action: str) -> Iterator[None]:
    """Take one action out of the role's policies for the length of the block."""
    iam = aws.client("iam")
    whole = _policies(aws, role)
    for name, document in whole.items():
        statements = [
            {**one, "Action": [other for other in one["Action"] if other != action]}
            for one in document["Statement"]
        ]
        # A statement without an action is none.
        kept = [one for one in statements if one["Action"]]
        if not kept:
            iam.delete_role_policy(RoleName=role, PolicyName=name)
        elif kept != document["Statement"]:
            _put(iam, role, name, {**document, "Statement": kept})
    assert action not in granted(aws, role)
    try:
        yield
    finally:
        for name, document in whole.items():
            _put(iam, role, name, document)


def _put(iam: Any, role: str, name: str, document: object) -> None:  # noqa: ANN401 -- boto3's type
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
