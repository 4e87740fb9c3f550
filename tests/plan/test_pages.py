"""Each strategy's page shows the statements that the role of its function has for it."""

import json

import pytest

from tests.plan.conftest import PlanAll
from tests.readme.blocks import blocks
from tests.strategies import ROTATORS

pytestmark = pytest.mark.xdist_group("plan")

# docs/security.md shows these.
_SHARED = {"FindAbandonedVersions", "RecordAnAttempt", "RotateThisSecret"}


def test_each_page_shows_the_statements_of_its_strategy(plan_all: PlanAll) -> None:
    plan = plan_all({strategy.name: strategy.module_call for strategy in ROTATORS})
    policy = "module.function[0].aws_iam_role_policy.rotation[0]"
    statements = {
        strategy.name: [
            one
            for one in plan.instance(strategy.name).statements(policy)
            if one["Sid"] not in _SHARED
        ]
        for strategy in ROTATORS
    }
    shown = {one.subject: json.loads(one.text) for one in blocks() if one.check == "statements"}
    assert shown == {name: own for name, own in statements.items() if own}
