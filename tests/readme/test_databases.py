"""The pages of the databases: their configuration, and the form of the secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import hcl2
import pytest

from tests.plan.conftest import copy_variables
from tests.readme.aws_template import replace_rotation
from tests.readme.blocks import REPOSITORY, block, local

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Terraform

_ADMINISTRATOR = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"


@pytest.mark.parametrize(
    "shown", [block("plan", "mysql"), block("plan", "postgres")], ids=["mysql", "postgres"]
)
def test_the_configuration_is_accepted(
    shown: str, repository: Path, terraform: Terraform, tmp_path: Path
) -> None:
    """Without its resources, and without a provider."""
    module = tmp_path / "terraform-aws-rotating-secret"
    module.mkdir()
    copy_variables(repository, module)
    configuration = local(shown)
    known = {
        "aws_db_instance.this.address": '"db.internal"',
        "aws_db_instance.this.master_user_secret[0].secret_arn": json.dumps(_ADMINISTRATOR),
        "aws_security_group.function.id": '"sg-0123456789abcdef0"',
        "aws_subnet.private[*].id": '["subnet-0123456789abcdef0"]',
    }
    for expression, value in known.items():
        assert expression in configuration
        configuration = configuration.replace(expression, value)
    (tmp_path / "main.tf").write_text(configuration, encoding="utf-8")
    terraform(tmp_path, "init")
    assert "No changes." in terraform(tmp_path, "plan")


def test_the_move_from_aws_template_accepts_the_rotation_of_another_database(
    repository: Path, terraform: Terraform, tmp_path: Path
) -> None:
    """In the example, without its provider."""
    module = tmp_path / "module"
    module.mkdir()
    copy_variables(repository, module)
    for name in ("main.tf", "variables.tf"):
        text = (repository / "examples" / "from-aws-template" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("../..", "./module"), encoding="utf-8")
    replace_rotation(tmp_path)
    variables = {"administrator_secret_arn": _ADMINISTRATOR, "host": "db.internal"}
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
    terraform(tmp_path, "init")
    assert "No changes." in terraform(tmp_path, "plan")


@pytest.mark.parametrize(
    "shown", [block("value", "mysql"), block("value", "postgres")], ids=["mysql", "postgres"]
)
def test_the_secret_has_the_keys_that_constants_must_not_have(shown: str) -> None:
    file = REPOSITORY / "modules" / "database_password" / "variables.tf"
    (keys,) = (
        one["_value_keys"] for one in hcl2.loads(file.read_text())["locals"] if "_value_keys" in one
    )
    assert sorted(json.loads(shown)) == sorted(key.strip('"') for key in keys)
