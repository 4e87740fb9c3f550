"""Names differ for each secret, and those of roles in each region."""

import json
import re
from typing import Any

import pytest

from testing.local_aws import LocalAws
from tests.plan.conftest import MakeRoot, Plan
from tests.strategies import SIMPLEST

pytestmark = pytest.mark.xdist_group("plan")

_NAMES = [
    "a/b",
    "a-b",
    "a//b",
    "reports/" + "x" * 100 + "/one",
    "reports/" + "x" * 100 + "/two",
    "x" * 512,
]


# The longest name, prescribed for the function and the schedule in each region.
_PRESCRIBED = "acme-rotate-session-" + "x" * 44
_PRESCRIBED_CALL = {
    "function": {"name": _PRESCRIBED},
    "name": "shop/session",
    "rotation": {SIMPLEST.name: {}},
    "schedule_expression": "rate(30 minutes)",
    "scheduler": {"name": _PRESCRIBED},
}
_DEFAULTS = {
    **_PRESCRIBED_CALL,
    "function": None,
    "schedule_expression": "rate(1 day)",
    "scheduler": None,
}
_HERE = {name: {**_DEFAULTS, "name": name} for name in _NAMES} | {"prescribed": _PRESCRIBED_CALL}
_THERE = {name: _HERE[name] for name in ("a/b", "prescribed")}
_INPUTS = "\n  ".join(f"{name} = each.value.{name}" for name in _DEFAULTS)

_CONFIGURATION = f"""
provider "aws" {{}}

provider "aws" {{
  alias  = "there"
  region = "eu-central-1"
}}

locals {{
  here  = {json.dumps(_HERE)}
  there = {json.dumps(_THERE)}
}}

module "here" {{
  source   = "../module"
  for_each = local.here
  {_INPUTS}
}}

module "there" {{
  source    = "../module"
  for_each  = local.there
  providers = {{ aws = aws.there }}
  {_INPUTS}
}}

output "here" {{
  value = {{ for name, secret in module.here : name => secret.function_name }}
}}

output "there" {{
  value = module.there["a/b"].function_role_name
}}
"""


@pytest.fixture(scope="module")
def plan(make_root: MakeRoot) -> Plan:
    return make_root(_CONFIGURATION).plan()


def _planned(plan: Plan, type_: str, instance: str = "") -> list[dict[str, Any]]:
    """Return the resources of a type, in all instances or in those with a name."""
    return [
        one["change"]["after"]
        for one in plan.shown["resource_changes"]
        if one["type"] == type_ and instance in one["address"]
    ]


def test_similar_names_and_other_regions_have_different_function_names(plan: Plan) -> None:
    outputs = {name: one["after"] for name, one in plan.shown["output_changes"].items()}
    names = [*(outputs["here"][name] for name in _NAMES), outputs["there"]]
    assert len({*names}) == len(_NAMES) + 1
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    functions = _planned(plan, "aws_lambda_function")
    assert all(len(function["description"]) <= 256 for function in functions)
    assert all(re.fullmatch("[0-9A-Za-z_-]{1,64}", name) for name in names)


def test_one_name_in_two_regions_makes_a_role_for_each_function_and_schedule(plan: Plan) -> None:
    roles = {role["name"] for role in _planned(plan, "aws_iam_role", '["prescribed"]')}
    assert len(roles) == 4
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    assert all(re.fullmatch("[0-9A-Za-z_+=,.@-]{1,64}", name) for name in roles)
    functions = _planned(plan, "aws_lambda_function", '["prescribed"]')
    assert [function["function_name"] for function in functions] == [_PRESCRIBED] * 2
    assert {function["role"].rpartition("/")[2] for function in functions} < roles


_KEPT = """
import {
  id = "acme-rotate-session"
  to = module.kept.module.function[0].aws_iam_role.this[0]
}

import {
  id = "acme-schedule-session"
  to = module.kept.module.schedule[0].aws_iam_role.this
}

module "kept" {
  source                  = "../module"
  name                    = "shop/session"
  minimum_overlap_minutes = 0
  rotation                = { iam_access_key = { user_name = "session" } }
  function                = { name = "acme-rotate-session" }
  schedule_expression     = "rate(30 minutes)"
  scheduler               = { name = "acme-schedule-session" }
}

output "kept" {
  value = module.kept
}
"""


def test_a_role_of_an_earlier_version_keeps_its_name(make_root: MakeRoot, aws: LocalAws) -> None:
    names = {"function": "acme-rotate-session", "schedule": "acme-schedule-session"}
    for name in names.values():
        aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    plan = make_root(_KEPT).plan()
    roles = [
        one["change"] for one in plan.shown["resource_changes"] if "role.this" in one["address"]
    ]
    assert [role["actions"] for role in roles] == [["update"]] * 2
    kept = plan.instance("kept")
    arns = {of: f"arn:aws:iam::123456789012:role/{name}" for of, name in names.items()}
    assert kept.outputs["function_role_arn"] == arns["function"]
    assert kept.outputs["schedule_role_arn"] == arns["schedule"]
    # The secret's policy and the function refer to the name that the role has.
    (statement,) = kept.statements("aws_secretsmanager_secret_policy.this[0]")
    assert statement["Condition"]["ArnNotEquals"] == {"aws:PrincipalArn": arns["function"]}
    function = kept.resources["module.function[0].aws_lambda_function.this"]
    assert function["role"] == arns["function"]
