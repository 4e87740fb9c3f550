"""The pages show the statements of each strategy, and the scheduler of each kind of schedule."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.plan.conftest import copy_variables
from tests.readme.blocks import blocks
from tests.strategies import ROTATORS, RotatorUnderTest, case

_SHOWN = {one.subject: json.loads(one.text) for one in blocks() if one.check == "statements"}


class Terraform:
    """Runs Terraform in a folder without a resource, so that it starts no provider."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._run("init")

    def evaluate(self, expression: str) -> object:
        """Return the value of an expression."""
        value: object = json.loads(json.loads(self._run("console", f"jsonencode({expression})")))
        return value

    def _run(self, command: str, given: str = "") -> str:
        return subprocess.run(
            ["terraform", command],
            capture_output=True,
            check=True,
            cwd=self._folder,
            env=self._environment,
            input=given,
            text=True,
        ).stdout


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_the_page_of_a_strategy_shows_its_statements(
    strategy: RotatorUnderTest, repository: Path, terraform_env: dict[str, str], tmp_path: Path
) -> None:
    copy_variables(repository, tmp_path)
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(strategy.module_call))
    statements = Terraform(tmp_path, terraform_env).evaluate("local.strategy.statements")
    assert _SHOWN.get(strategy.name, []) == statements


def test_the_page_names_the_scheduler_of_each_expression(
    repository: Path, terraform_env: dict[str, str], tmp_path: Path
) -> None:
    page = (repository / "docs" / "schedule.md").read_text()
    shown = {
        expression: scheduler == "EventBridge Scheduler"
        for row, scheduler in re.findall(
            r"^\| (.+) \| (Secrets Manager|EventBridge Scheduler)", page, re.MULTILINE
        )
        for expression in re.findall(r"`((?:rate|cron)\(.+?\))`", row)
    }
    assert {*shown.values()} == {True, False}
    shutil.copytree(repository / "modules" / "schedule_expression", tmp_path / "schedule")
    module = {
        "source": "./schedule",
        "for_each": f"${{toset({json.dumps([*shown])})}}",
        "expires_after_minutes": None,
        "expression": "${each.key}",
    }
    (tmp_path / "main.tf.json").write_text(json.dumps({"module": {"schedule": module}}))
    found = Terraform(tmp_path, terraform_env).evaluate(
        "{ for expression, schedule in module.schedule : expression => schedule.is_fast }"
    )
    assert found == shown


def test_each_statement_on_a_page_belongs_to_a_strategy() -> None:
    assert _SHOWN.keys() <= {strategy.name for strategy in ROTATORS}
