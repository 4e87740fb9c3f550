"""No apply overwrites a live value, whether Terraform or something else wrote it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from testing.harness.account import Aws, Secret
from testing.harness.terraform import Terraform

pytestmark = pytest.mark.xdist_group("values")

_ROOT = """
variable "value" {
  type      = string
  ephemeral = true
}

variable "value_version" {
  type = number
}

module "secret" {
  source   = "../"
  for_each = { fixed = var.value_version, rotated = 1 }

  name                    = "values/${each.key}"
  initial_value           = var.value
  initial_value_version   = each.value
  rotate_immediately      = each.key == "rotated" ? false : null
  rotation                = each.key == "rotated" ? { random_value = {} } : null
  recovery_window_in_days = 0
}

output "arns" {
  value = { for name, secret in module.secret : name => secret.secret_arn }
}
"""


@dataclass(frozen=True, kw_only=True)
class Applied:
    terraform: Terraform
    fixed: Secret
    rotated: Secret


@pytest.fixture(scope="module")
def applied(aws: Aws, module: Path) -> Iterator[Applied]:
    (module / "values").mkdir()
    (module / "values" / "main.tf").write_text(_ROOT)
    variables = {"value": "first value", "value_version": 1}
    terraform = Terraform(module, "values", aws.environment, variables)
    terraform.init()
    try:
        terraform.apply()
        secrets = {name: Secret(aws, arn) for name, arn in terraform.outputs()["arns"].items()}
        yield Applied(terraform=terraform, **secrets)
    finally:
        terraform.destroy("-refresh=false")


def _initial(secret: Secret) -> str | None:
    version = secret.holder("INITIAL")
    return version and secret.text(version)


def test_an_apply_keeps_rotated_values_and_values_written_by_hand(applied: Applied) -> None:
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
    # AWS removes old versions without a label, and Terraform would write a removed one again.
    assert _initial(applied.fixed) == _initial(applied.rotated) == "first value"


@pytest.mark.slow
def test_a_new_version_number_writes_a_new_value(applied: Applied) -> None:
    rotated = applied.rotated.text()
    applied.terraform.set(value="another value", value_version=2)

    applied.terraform.apply()

    assert applied.fixed.text() == _initial(applied.fixed) == "another value"
    assert applied.rotated.text() == rotated
    applied.terraform.require_empty_plan()
