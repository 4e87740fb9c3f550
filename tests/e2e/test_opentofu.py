"""An example is applied, rotated and destroyed by OpenTofu."""

from pathlib import Path

import pytest

from testing.harness.account import Aws, Secret, inventory
from testing.harness.terraform import Terraform

pytestmark = pytest.mark.slow

_VARIABLES = {"minimum_overlap_minutes": 0, "recovery_window_in_days": 0, "settling_seconds": 0}


def test_opentofu_applies_an_example_and_plans_nothing_after_a_rotation(
    aws: Aws, module: Path, cache: Path
) -> None:
    before = inventory(aws)
    opentofu = Terraform(
        module,
        "examples/iam-access-key",
        aws.environment,
        _VARIABLES,
        binary=cache / "opentofu" / "tofu",
    )
    opentofu.init()
    assert "OpenTofu has been successfully initialized" in opentofu.output
    try:
        opentofu.apply()
        secret = Secret(aws, opentofu.outputs()["secret_arn"])
        secret.wait_for_a_value()
        opentofu.require_empty_plan()
        secret.rotate_and_wait()
        opentofu.require_empty_plan()
    finally:
        opentofu.destroy()
    assert inventory(aws) == before
