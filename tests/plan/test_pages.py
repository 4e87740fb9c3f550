"""Each strategy's page shows the statements that the role of its function has for it."""

import json
from typing import Any

import pytest

from tests.plan.conftest import PlanAll
from tests.readme.blocks import blocks

pytestmark = pytest.mark.xdist_group("plan")

_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_APP = {"client_id": "Iv23liAbCdEfGhIjKlMn", "installation_id": 12345678, "kms_key_arn": _KEY}
_ADMINISTRATOR = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:redis/administrator-a1B2c3"

# The options of each example that decide about its grants.
_STRATEGIES: dict[str, dict[str, Any]] = {
    "custom": {
        "source_file": "../module/examples/custom/rotate.py",
        "statements": {
            "ReadTheAdministrator": {
                "actions": ["secretsmanager:GetSecretValue"],
                "resource": _ADMINISTRATOR,
            }
        },
    },
    "github_app_token": {
        **_APP,
        "permissions": {"contents": "read"},
        "repositories": ["reports"],
    },
    "github_deploy_key": {"app": _APP, "repository": "octo-org/reports"},
    "iam_access_key": {"user_name": "uploader"},
    "iam_service_credential": {"service_name": "bedrock.amazonaws.com", "user_name": "assistant"},
    "random_value": {},
}
# docs/security.md shows these.
_SHARED = {"FindAbandonedVersions", "RecordAnAttempt", "RotateThisSecret"}


def test_each_page_shows_the_statements_of_its_strategy(plan_all: PlanAll) -> None:
    plan = plan_all(
        {
            name: {
                "name": "reports/uploader",
                "rotation": {name: options},
                "function": {
                    "layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"]
                },
            }
            for name, options in _STRATEGIES.items()
        }
    )
    for name in _STRATEGIES:
        policy = "module.function[0].aws_iam_role_policy.rotation[0]"
        statements = [
            one for one in plan.instance(name).statements(policy) if one["Sid"] not in _SHARED
        ]
        (shown,) = (
            json.loads(one.text)
            for one in blocks()
            if (one.check, one.subject) == ("statements", name)
        )
        assert shown == statements, f"Paste into the page:\n{json.dumps(statements, indent=2)}"
    assert {one.subject for one in blocks() if one.check == "statements"} == {*_STRATEGIES}
