"""Each strategy's page shows the statements that the role of its function has for it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.plan.conftest import copy_variables
from tests.readme.blocks import blocks
from tests.strategies import ROTATORS, RotatorUnderTest, case

_SHOWN = {one.subject: json.loads(one.text) for one in blocks() if one.check == "statements"}


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_the_page_of_a_strategy_shows_its_statements(
    strategy: RotatorUnderTest, repository: Path, terraform_env: dict[str, str], tmp_path: Path
) -> None:
    copy_variables(repository, tmp_path)
    (tmp_path / "terraform.tfvars.json").write_text(json.dumps(strategy.module_call))

    def terraform(command: str, given: str = "") -> str:
        return subprocess.run(
            ["terraform", command],
            capture_output=True,
            check=True,
            cwd=tmp_path,
            env=terraform_env,
            input=given,
            text=True,
        ).stdout

    terraform("init")
    statements = json.loads(
        json.loads(terraform("console", "jsonencode(local.strategy.statements)"))
    )
    assert _SHOWN.get(strategy.name, []) == statements


def test_each_statement_on_a_page_belongs_to_a_strategy() -> None:
    assert _SHOWN.keys() <= {strategy.name for strategy in ROTATORS}
