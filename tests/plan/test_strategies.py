"""The options of each strategy: their rules, and the type that two files declare (promise 6)."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hcl2
import pytest

from testing.harness.terraform import instances
from tests.conftest import Terraform
from tests.plan.conftest import PlanOutput, Refuse, RefuseEach, copy_variables
from tests.strategies import (
    ALL,
    EXISTING,
    MANAGED,
    NOT_SHOWN,
    PASTED,
    ROTATORS,
    Rule,
    StrategyUnderTest,
    case,
    rules_in,
)

# One process plans all wrong values, once.
pytestmark = pytest.mark.xdist_group("rules-of-strategies")

each_rule = pytest.mark.parametrize(
    ("strategy", "rule"),
    [
        case(strategy, rule, id=f"{strategy.name}-{rule.id}")
        for strategy in ALL
        for rule in strategy.rules
    ],
)
each_strategy = pytest.mark.parametrize("strategy", [*map(case, ALL)])


@pytest.fixture(scope="module")
def refused_messages(refuse_all: RefuseEach) -> dict[str, list[str]]:
    """The messages that refuse the wrong value of each rule."""
    return refuse_all(
        {
            f"{strategy.name}-{rule.id}": strategy.module_call_with(rule.refused)
            for strategy in ALL
            for rule in strategy.rules
        }
    )


@pytest.fixture(scope="module")
def accepted_messages(refuse_all: RefuseEach) -> dict[str, list[str]]:
    """The messages that refuse the right value of each rule."""
    return refuse_all(
        {
            f"{strategy.name}-{rule.id}": strategy.module_call_with(rule.accepted)
            for strategy in ALL
            for rule in strategy.rules
        }
    )


@each_rule
def test_a_rule_refuses_a_wrong_value_and_says_what_it_found(
    strategy: StrategyUnderTest, rule: Rule, refused_messages: Mapping[str, list[str]]
) -> None:
    (message,) = refused_messages[f"{strategy.name}-{rule.id}"]
    assert message.startswith(rule.text)
    assert " must " in message
    assert message.endswith(f"Found: {rule.found}")


@pytest.mark.slow
@each_rule
def test_a_wrong_value_breaks_one_rule(
    strategy: StrategyUnderTest, rule: Rule, refuse: Refuse
) -> None:
    """In a plan of its own, no other instance hides a second message."""
    (message,) = refuse(strategy.module_call_with(rule.refused))
    assert message.startswith(rule.text)


@each_rule
def test_a_rule_accepts_a_right_value(
    strategy: StrategyUnderTest, rule: Rule, accepted_messages: Mapping[str, list[str]]
) -> None:
    assert accepted_messages[f"{strategy.name}-{rule.id}"] == []


@pytest.mark.parametrize(
    ("strategy", "rule"),
    [
        case(strategy, rule, id=f"{strategy.name}-{rule.id}")
        for strategy in ALL
        for rule in strategy.rules
        if rule.found == NOT_SHOWN
    ],
)
def test_a_credential_in_the_wrong_option_is_printed_nowhere(
    strategy: StrategyUnderTest, rule: Rule, plan_output: PlanOutput
) -> None:
    """Terraform itself prints the values that a condition reads by their full names."""
    output = plan_output(strategy.module_call_with(rule.refused))
    assert rule.text in output
    assert PASTED not in output


def _module(repository: Path, strategy: StrategyUnderTest) -> Path:
    """Return the folder of the module that `strategies.tf` passes these options to."""
    text = (repository / "strategies.tf").read_text(encoding="utf-8")
    call = re.search(
        rf'source = "([^"]+)"\n(?:.+\n|\n)*?  options = var[.]rotation[.]{strategy.name}\n', text
    )
    assert call, strategy.name
    source: str = re.findall(r'source = "([^"]+)"', call[0])[-1]
    return repository / source


@each_strategy
def test_every_rule_has_a_case(strategy: StrategyUnderTest, repository: Path) -> None:
    messages = [
        rule["error_message"]
        .strip('"')
        .replace('\\"', '"')
        .removeprefix("${var.secret}: ")
        .replace("${var.database.strategy}", strategy.name)
        for block in hcl2.loads(rules_in(_module(repository, strategy)))["variable"]
        for variable in block.values()
        for rule in variable.get("validation", [])
    ]
    assert len(messages) == len(strategy.rules)
    assert all(
        any(message.startswith(rule.text) for rule in strategy.rules) for message in messages
    )


@each_strategy
def test_the_root_and_the_module_declare_the_same_options(
    strategy: StrategyUnderTest, repository: Path
) -> None:
    """Terraform cannot share a type, so the names, types and defaults are written twice."""
    root = (repository / "variables.tf").read_text(encoding="utf-8")
    module = (_module(repository, strategy) / "variables.tf").read_text(encoding="utf-8")
    _, _, rotation = root.partition(f"    {strategy.name} = optional(object({{\n")
    _, _, options = module.partition('variable "options" {')
    _, _, options = options.partition("  type = object({\n")
    in_root = rotation.partition("\n    }))\n    ")[0].replace("\n  ", "\n").removeprefix("  ")
    assert in_root.partition("\n  }))")[0] == options.partition("\n  })\n  nullable")[0]


# Resources that depend on a strategy as those of the module do.
_READERS = """
resource "terraform_data" "function" {
  count = local.makes_function ? 1 : 0
  input = jsonencode(local.strategy.settings)
}

resource "terraform_data" "existing" {
  for_each = toset([for one in local.chosen_strategies : "this" if one.existing_function != null])
}
"""


def _marked(value: Any, expression: str) -> Any:  # noqa: ANN401 -- JSON
    """Return the value with another expression for each text in it; VALUE is the text."""
    if isinstance(value, Mapping):
        return {name: _marked(one, expression) for name, one in value.items()}
    if isinstance(value, list):
        return [_marked(one, expression) for one in value]
    if isinstance(value, str):
        return "${" + expression.replace("VALUE", json.dumps(value)) + "}"
    return value


@pytest.mark.parametrize(
    ("expression", "strategies"),
    [
        # Whether there is an ARN of an existing function decides a count, so it can't be sensitive.
        pytest.param(
            "sensitive(VALUE)", [one for one in ALL if one is not EXISTING], id="sensitive"
        ),
        pytest.param("terraform_data.later.id", ALL, id="unknown"),
    ],
)
def test_an_option_that_a_plan_cannot_show_decides_no_count(
    expression: str,
    strategies: Sequence[StrategyUnderTest],
    repository: Path,
    terraform: Terraform,
    tmp_path: Path,
) -> None:
    (tmp_path / "variables").mkdir()
    copy_variables(repository, tmp_path / "variables")
    (tmp_path / "variables" / "readers.tf").write_text(_READERS, encoding="utf-8")
    calls = {
        strategy.name: strategy.module_call_with(_marked(strategy.options, expression))
        for strategy in strategies
    }
    configuration = {
        **instances(calls, source="./variables"),
        "resource": {"terraform_data": {"later": {}}},
    }
    (tmp_path / "main.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
    terraform(tmp_path, "init")
    plan = terraform(tmp_path, "plan")
    for strategy in strategies:
        makes = "function[0]" if strategy in ROTATORS else "existing"
        named = f'module.instances["{strategy.name}"].terraform_data.{makes}' in plan
        assert named == (strategy is not MANAGED)
