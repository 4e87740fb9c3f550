"""Names differ for each secret, and those of roles in each region."""

import json
import re
from typing import Any

import pytest

from testing.local_aws import LocalAws
from tests.plan.conftest import MakeRoot, Plan

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
_OPTIONS = f"""
  name                = "shop/session"
  rotation            = {{ random_value = {{}} }}
  function            = {{ name = "{_PRESCRIBED}" }}
  schedule_expression = "rate(30 minutes)"
  scheduler           = {{ name = "{_PRESCRIBED}" }}
"""

_CONFIGURATION = f"""
provider "aws" {{}}

provider "aws" {{
  alias  = "there"
  region = "eu-central-1"
}}

module "here" {{
  source   = "../module"
  for_each = toset({json.dumps(_NAMES)})
  name     = each.key
  rotation = {{ random_value = {{}} }}
}}

module "there" {{
  source    = "../module"
  name      = "a/b"
  rotation  = {{ random_value = {{}} }}
  providers = {{ aws = aws.there }}
}}

module "prescribed_here" {{
  source = "../module"
  {_OPTIONS}
}}

module "prescribed_there" {{
  source    = "../module"
  providers = {{ aws = aws.there }}
  {_OPTIONS}
}}

output "names" {{
  value = concat(values(module.here)[*].function_name, [module.there.function_role_name])
}}
"""


@pytest.fixture(scope="module")
def plan(make_root: MakeRoot) -> Plan:
    return make_root(_CONFIGURATION).plan()


def _planned(plan: Plan, type_: str, prefix: str = "") -> list[dict[str, Any]]:
    """Return the resources of a type."""
    return [
        one["change"]["after"]
        for one in plan.shown["resource_changes"]
        if one["type"] == type_ and one["address"].startswith(prefix)
    ]


def test_similar_names_and_other_regions_have_different_function_names(plan: Plan) -> None:
    names = plan.shown["output_changes"]["names"]["after"]
    assert len({*names}) == len(_NAMES) + 1
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    functions = _planned(plan, "aws_lambda_function")
    assert all(len(function["description"]) <= 256 for function in functions)
    assert all(re.fullmatch("[0-9A-Za-z_-]{1,64}", name) for name in names)


def test_one_name_in_two_regions_makes_a_role_for_each_function_and_schedule(plan: Plan) -> None:
    roles = {role["name"] for role in _planned(plan, "aws_iam_role", "module.prescribed_")}
    assert len(roles) == 4
    # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
    assert all(re.fullmatch("[0-9A-Za-z_+=,.@-]{1,64}", name) for name in roles)
    functions = _planned(plan, "aws_lambda_function", "module.prescribed_")
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
