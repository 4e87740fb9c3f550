"""The plan shows every grant, and each is narrow (promise 4); tests/e2e proves each."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.plan.conftest import Instance, MakeRoot
from tests.strategies import ALL

pytestmark = [pytest.mark.xdist_group("plan"), pytest.mark.campaign("Grants")]


def _statements(instance: Instance) -> list[dict[str, Any]]:
    return [
        statement
        for address in instance.resources
        if ".aws_iam_role_policy." in address
        for statement in instance.statements(address)
    ]


def test_each_strategy_has_a_record(repository: Path) -> None:
    """The type of the variable `rotation` is the list that users see."""
    variables = (repository / "variables.tf").read_text(encoding="utf-8")
    block = variables.partition('variable "rotation" {')[2].partition("\n}\n")[0]
    names = re.findall(r"^    (\w+) = optional\(object\(", block, re.MULTILINE)
    assert {*names} == {strategy.name for strategy in ALL}


def test_actions_are_sorted_and_have_no_wildcard(granted: list[Instance]) -> None:
    for instance in granted:
        for statement in _statements(instance):
            actions = statement["Action"]
            assert actions == sorted(actions)
            assert statement["Effect"] == "Deny" or not any("*" in action for action in actions)


def test_a_grant_on_everything_is_for_an_action_without_resource_support(
    granted: list[Instance],
) -> None:
    unlimited = {
        action
        for instance in granted
        for statement in _statements(instance)
        if statement["Effect"] == "Allow" and statement["Resource"] == "*"
        for action in statement["Action"]
    }
    assert unlimited == {
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_the_function_itself_is_denied_the_network_actions_of_lambda(
    granted: list[Instance],
) -> None:
    for instance in granted:
        network = [one for one in _statements(instance) if one["Action"][0].startswith("ec2:")]
        *allowed, denied = network
        assert denied["Effect"] == "Deny"
        assert denied["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
        assert denied["Action"] == sorted(action for one in allowed for action in one["Action"])


def test_each_unlimited_resource_is_below_a_link(repository: Path) -> None:
    """The link is in the comment above the resource or the statement."""
    for path in (*repository.glob("*.tf"), *(repository / "modules").rglob("*.tf")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if re.search(r'Resource += "\*"', line):
                above = "\n".join(lines[max(0, number - 36) : number])
                assert "# https://docs.aws.amazon.com/" in above, f"{path.name}:{number + 1}"


def test_the_plan_shows_every_grant_before_anything_exists(
    granted: list[Instance],
) -> None:
    for instance in granted:
        policies = {name: one for name, one in instance.unknown.items() if "role_policy" in name}
        assert len([name for name in policies if name.startswith("module.function[0].")]) == 5
        assert not any("policy" in unknown for unknown in policies.values())


def test_a_key_of_the_same_apply_hides_only_its_own_policy(make_root: MakeRoot) -> None:
    """Terraform would also refuse a count that depends on it."""
    plan = make_root(
        """
        resource "aws_kms_key" "this" {}

        module "secret" {
          source      = "../module"
          name        = "reports/signing"
          kms_key_arn = aws_kms_key.this.arn
          rotation    = { random_value = {} }

          notifications = { kms_key_arn = aws_kms_key.this.arn }
        }

        output "secret" {
          value = module.secret
        }
        """
    ).plan()
    unknown = plan.instance("secret").unknown
    policies = {name for name, one in unknown.items() if "role_policy" in name}
    assert len(policies) == 6
    assert {name for name in policies if "policy" in unknown[name]} == {
        "module.function[0].aws_iam_role_policy.key[0]",
        "module.notifications[0].aws_iam_role_policy.key",
    }
