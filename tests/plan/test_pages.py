"""The traits of each strategy, of which its page shows the statements for the function's role."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from testing.harness.terraform import instances
from tests.plan.conftest import copy_variables
from tests.readme.blocks import blocks
from tests.strategies import ALL, ROTATORS, RotatorUnderTest, StrategyUnderTest, case

# One process evaluates all strategies, once.
pytestmark = pytest.mark.xdist_group("traits")

_SHOWN = {one.subject: json.loads(one.text) for one in blocks() if one.check == "statements"}
_OUTPUT = """
output "traits" {
  value = { defaults = local._traits, chosen = local.strategy }
}
"""

Traits = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def traits(
    repository: Path, terraform_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Traits:
    """The default of each trait, and its value for the smallest module call, by the strategy."""
    folder = tmp_path_factory.mktemp("traits")
    (folder / "variables").mkdir()
    copy_variables(repository, folder / "variables")
    (folder / "variables" / "outputs.tf").write_text(_OUTPUT)
    root = instances({one.name: one.module_call for one in ALL}, source="./variables")
    (folder / "main.tf.json").write_text(json.dumps(root))

    def terraform(command: str, given: str = "") -> str:
        return subprocess.run(
            ["terraform", command],
            capture_output=True,
            check=True,
            cwd=folder,
            env=terraform_env,
            input=given,
            text=True,
        ).stdout

    terraform("init")
    found = terraform("console", "jsonencode({ for k, v in module.instances : k => v.traits })")
    by_name: Traits = json.loads(json.loads(found))
    return by_name


@pytest.mark.parametrize("strategy", [*map(case, ROTATORS)])
def test_the_page_of_a_strategy_shows_its_statements(
    strategy: RotatorUnderTest, traits: Traits
) -> None:
    assert _SHOWN.get(strategy.name, []) == traits[strategy.name]["chosen"]["statements"]


def test_each_statement_on_a_page_belongs_to_a_strategy() -> None:
    assert _SHOWN.keys() <= {strategy.name for strategy in ROTATORS}


@pytest.mark.parametrize("strategy", [*map(case, ALL)])
def test_a_strategy_sets_only_traits_that_strategies_tf_describes(
    strategy: StrategyUnderTest, traits: Traits
) -> None:
    """A trait has the type of its default. One that is null by default may have any."""
    defaults, chosen = traits[strategy.name]["defaults"], traits[strategy.name]["chosen"]
    assert chosen.pop("name") == strategy.name
    assert chosen.keys() == defaults.keys()
    wrong = [
        name
        for name, default in defaults.items()
        if default is not None and type(chosen[name]) is not type(default)
    ]
    assert wrong == []
