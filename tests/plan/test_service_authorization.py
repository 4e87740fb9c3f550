"""AWS's Service Authorization Reference knows every statement of the module (promise 4).

It knows the action, and that the action supports the resource and the condition key.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.plan.conftest import INVENTORIES, Instance, Plan
from tests.policies import faults

pytestmark = pytest.mark.xdist_group("plan")

_ARN: Final = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:reports-a1B2c3"
_STATEMENT: Final[dict[str, Any]] = {
    "Sid": "Broken",
    "Effect": "Allow",
    "Action": ["secretsmanager:GetSecretValue"],
    "Resource": _ARN,
}


def _policies(instance: Instance) -> Iterator[tuple[str, dict[str, Any]]]:
    for address, resource in instance.resources.items():
        for name in ("assume_role_policy", "policy"):
            if resource.get(name):
                yield f"{address}.{name}", json.loads(resource[name])
    for name in ("reader_policy_json", "responder_policy_json"):
        if policy := instance.outputs.get(name):
            yield name, json.loads(policy)


def test_each_statement_is_known(granted: list[Instance], inventories_plan: Plan) -> None:
    instances = [*granted, *(inventories_plan.instance(path.stem) for path in INVENTORIES)]
    policies = [one for instance in instances for one in _policies(instance)]
    assert {address.partition("[")[0] for address, _ in policies} == {
        "aws_secretsmanager_secret_policy.this",
        "module.alarm",
        "module.audit",
        "module.function",
        "module.notifications",
        "module.responder",
        "module.schedule",
        "reader_policy_json",
        "responder_policy_json",
    }
    found = {f"{address}: {fault}" for address, policy in policies for fault in faults(policy)}
    assert found == set()


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        pytest.param(
            {"Action": ["secretsmanager:RotateTheSecret"]},
            "secretsmanager:RotateTheSecret does not exist",
            id="action",
        ),
        pytest.param({"Action": "secret:Get"}, "secret:Get does not exist", id="service"),
        pytest.param(
            {"Action": ["secretsmanager:ListSecrets"]},
            "secretsmanager:ListSecrets supports no resource, only *",
            id="no-resource",
        ),
        pytest.param(
            {"Resource": "arn:aws:iam::123456789012:user/uploader"},
            "secretsmanager:GetSecretValue supports none of the resources",
            id="other-resource",
        ),
        pytest.param(
            {"Resource": [_ARN, "arn:aws:iam::123456789012:user/uploader"]},
            "no action supports arn:aws:iam::123456789012:user/uploader",
            id="one-resource-too-many",
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}},
            "secretsmanager:GetSecretValue does not know kms:ViaService",
            id="condition-key",
        ),
        pytest.param(
            {"Condition": {"StringEquals": {"aws:TagKeys": "team"}}},
            "secretsmanager:GetSecretValue does not know aws:TagKeys",
            id="condition-key-of-another-action",
        ),
        pytest.param(
            {
                "Action": ["secretsmanager:ListSecrets"],
                "Principal": {"AWS": "123456789012"},
                "Resource": "*",
            },
            "secretsmanager:ListSecrets has no effect in the policy of a resource",
            id="resource-policy",
        ),
    ],
)
def test_a_fault_is_found(broken: dict[str, Any], fault: str) -> None:
    assert faults({"Statement": [_STATEMENT]}) == []
    assert f"Broken: {fault}" in faults({"Statement": [{**_STATEMENT, **broken}]})
