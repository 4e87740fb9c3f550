"""The function's name is derived from the secret's name, and is different for each secret."""

import json
import re

import pytest

from tests.plan.conftest import MakeRoot

pytestmark = pytest.mark.xdist_group("plan")

_NAMES = [
    "a/b",
    "a-b",
    "a_b",
    "a.b",
    "a//b",
    "reports/" + "x" * 100 + "/one",
    "reports/" + "x" * 100 + "/two",
    "x" * 512,
]


_CONFIGURATION = """
provider "aws" {}

provider "aws" {
  alias  = "there"
  region = "eu-central-1"
}

module "here" {
  source   = "../module"
  for_each = toset(NAMES)
  name     = each.key
  rotation = { random_value = {} }
}

module "there" {
  source    = "../module"
  name      = "a/b"
  rotation  = { random_value = {} }
  providers = { aws = aws.there }
}

output "names" {
  value = concat(values(module.here)[*].function_name, [module.there.function_role_name])
}
"""


def test_similar_names_and_other_regions_have_different_function_names(
    make_root: MakeRoot,
) -> None:
    plan = make_root(_CONFIGURATION.replace("NAMES", json.dumps(_NAMES))).plan()
    names = plan.shown["output_changes"]["names"]["after"]
    assert len({*names}) == len(_NAMES) + 1
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    functions = [
        one["change"]["after"]
        for one in plan.shown["resource_changes"]
        if one["type"] == "aws_lambda_function"
    ]
    assert all(len(function["description"]) <= 256 for function in functions)
    assert all(re.fullmatch("[0-9A-Za-z_-]{1,64}", name) for name in names)
