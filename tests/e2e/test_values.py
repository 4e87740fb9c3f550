"""Values that Terraform gave, and values that came after: no apply overwrites a live one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.demo.account import Aws, Secret, eventually, step_records
from dev.demo.terraform import Terraform
from tests.e2e.grants import without

pytestmark = pytest.mark.xdist_group("values")

_ROOT = """
variable "value" {
  type      = string
  ephemeral = true
}

variable "value_version" {
  type = number
}

resource "aws_kms_key" "this" {
  deletion_window_in_days = 7
}

module "fixed" {
  source = "../"

  name                    = "values/fixed"
  initial_value           = var.value
  initial_value_version   = var.value_version
  recovery_window_in_days = 0
}

module "rotated" {
  source = "../"

  name                    = "values/rotated"
  kms_key_arn             = aws_kms_key.this.arn
  initial_value           = var.value
  initial_value_version   = 1
  rotate_immediately      = false
  rotation                = { random_value = {} }
  recovery_window_in_days = 0
}

output "fixed" {
  value = module.fixed.secret_arn
}

output "rotated" {
  value = module.rotated.secret_arn
}

output "role" {
  value = module.rotated.function_role_name
}

output "log" {
  value = module.rotated.log_group_name
}
"""


@dataclass(frozen=True, kw_only=True)
class Applied:
    aws: Aws
    terraform: Terraform
    fixed: Secret
    rotated: Secret


@pytest.fixture(scope="module")
def applied(aws: Aws, module: Path) -> Iterator[Applied]:
    (module / "values").mkdir()
    (module / "values" / "main.tf").write_text(_ROOT)
    given = {"value": "first value", "value_version": 1}
    terraform = Terraform(module, "values", aws.environment, given)
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()
        yield Applied(
            aws=aws,
            terraform=terraform,
            fixed=Secret(aws, outputs["fixed"]),
            rotated=Secret(aws, outputs["rotated"]),
        )
    finally:
        terraform.destroy()


def _initial(secret: Secret) -> str | None:
    version = secret.holder("INITIAL")
    return version and secret.text(version)


def test_three_rotations_and_two_values_put_by_hand_outlive_an_apply(applied: Applied) -> None:
    assert applied.rotated.text() == applied.fixed.text() == "first value"
    for _ in range(3):
        applied.rotated.rotate_and_wait()
    for value in ("second value", "third value"):
        applied.fixed.put(value)
    rotated = applied.rotated.text()

    applied.terraform.require_empty_plan()
    applied.terraform.apply()

    assert applied.fixed.text() == "third value"
    assert applied.rotated.text() == rotated
    # AWS prunes versions without a label, and Terraform would make a pruned one again.
    assert _initial(applied.fixed) == _initial(applied.rotated) == "first value"


def test_a_new_version_number_puts_a_new_value(applied: Applied) -> None:
    rotated = applied.rotated.text()
    applied.terraform.set(value="another value", value_version=2)

    applied.terraform.apply()

    assert applied.fixed.text() == _initial(applied.fixed) == "another value"
    assert applied.rotated.text() == rotated
    applied.terraform.require_empty_plan()


@pytest.mark.parametrize("action", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_a_customer_key_needs_its_grant(action: str, applied: Applied) -> None:
    outputs = applied.terraform.outputs()
    with without(applied.aws, outputs["role"], action):
        rotation = applied.rotated.rotate()

        def failures() -> list[object]:
            logged = step_records(applied.aws, outputs["log"])
            return [
                record["error"]
                for record in logged
                if record["version_id"] == rotation.token and record["outcome"] == "failed"
            ]

        errors = eventually("The failure", failures)
    assert set(errors) == {"PermissionDenied"}
    applied.rotated.retry_and_wait(rotation)
