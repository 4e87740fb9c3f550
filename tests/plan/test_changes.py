"""A change of a live secret fails at plan, rotates it in the same apply, or is carried over.

No change may be green and stop a later rotation. Terraform starts no provider here.
"""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
import pytest

from tests.conftest import Terraform
from tests.plan.conftest import call_of_each, copy_variables
from tests.strategies import ALL, Change, Effect, StrategyUnderTest, case

pytestmark = pytest.mark.xdist_group("changes")

_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_OTHER_KEY = _KEY.replace("1234abcd", "4321abcd")
# The parts of main.tf that changes.tf needs: the ARN of the secret, and its rotation.
_STUB = """
locals {
  secret_arn = coalesce(var.name, one(local.strategy[*].existing_secret_arn))
}

resource "terraform_data" "rotation" {
  count = length(local.chosen_strategies)
  input = jsonencode([local.secret_arn, local.strategy.existing_function])

  lifecycle {
    replace_triggered_by = [terraform_data.options, terraform_data.owner]
  }
}
"""


def _changed_options(strategy: StrategyUnderTest, option: str, change: Change) -> list[Any]:
    """Return the calls of the module before and after the change."""
    start = {**change.more, **({} if change.before is None else {option: change.before})}
    calls = [
        strategy.module_call_with(options) for options in (start, {**start, option: change.after})
    ]
    for call in calls:
        call["name"] = call["name"] and f"{strategy.name}/{option}"
    return calls


def _others() -> dict[str, tuple[dict[str, Any], dict[str, Any], str]]:
    """Changes of more than one option, each with the message that refuses it, or none."""
    limited = next(one for one in ALL if "user_name" in one.options)
    unlimited = json_key = triggers = next(one for one in ALL if "json_key" in one.changes)
    return {
        "another-strategy": (
            {**unlimited.module_call, "name": "another-strategy"},
            {**limited.module_call, "name": "another-strategy"},
            f"Secret another-strategy: The strategy must stay {unlimited.name},",
        ),
        "renamed": (
            {**limited.module_call, "name": "renamed"},
            {**limited.module_call, "name": "renamed-2"},
            'Secret renamed-2: name must stay "renamed" while rotation has the same owner',
        ),
        "renamed-without-limit": (
            {**unlimited.module_call, "name": "renamed-without-limit"},
            {**unlimited.module_call, "name": "renamed-without-limit-2"},
            "",
        ),
        "renamed-with-another-owner": (
            {**limited.module_call, "name": "renamed-with-another-owner"},
            {**limited.module_call_with({"user_name": "reporter"}), "name": "renamed-3"},
            "",
        ),
        "another-key": (
            {**json_key.module_call_with({"json_key": "a"}), "name": "another-key"},
            {**json_key.module_call_with({"json_key": "b"}), "name": "another-key"},
            'Secret another-key: json_key must stay "a"',
        ),
        "renamed-owner": (
            {**limited.module_call, "name": "renamed-owner"},
            {
                **limited.module_call_with(
                    {
                        "user_name": "reporter",
                        "former_user_names": [limited.options["user_name"]],
                    }
                ),
                "name": "renamed-owner",
            },
            "",
        ),
        "key-removed": (
            {**unlimited.module_call, "name": "key-removed", "kms_key_arn": _KEY},
            {**unlimited.module_call, "name": "key-removed"},
            f"Secret key-removed: former_kms_key_arns must have {_KEY} if kms_key_arn is another",
        ),
        "key-changed": (
            {**unlimited.module_call, "name": "key-changed", "kms_key_arn": _KEY},
            {**unlimited.module_call, "name": "key-changed", "kms_key_arn": _OTHER_KEY},
            f"Secret key-changed: former_kms_key_arns must have {_KEY} if kms_key_arn is another",
        ),
        "key-former": (
            {**unlimited.module_call, "name": "key-former", "kms_key_arn": _KEY},
            {
                **unlimited.module_call,
                "name": "key-former",
                "kms_key_arn": _OTHER_KEY,
                "former_kms_key_arns": [_KEY],
            },
            "",
        ),
        "trigger": (
            {**triggers.module_call, "name": "trigger"},
            {**triggers.module_call, "name": "trigger", "rotation_triggers": {"user": "AIDA"}},
            "",
        ),
    }


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The plans of all changes at once."""

    messages: list[str]
    rotated: frozenset[str]
    """The instances whose rotation is set up again."""


@pytest.fixture(scope="module")
def planned(
    repository: Path,
    terraform: Terraform,
    terraform_env: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Planned:
    folder = tmp_path_factory.mktemp("changes")
    module = folder / "module"
    module.mkdir()
    copy_variables(repository, module)
    shutil.copy(repository / "changes.tf", module)
    (module / "rotation.tf").write_text(_STUB, encoding="utf-8")
    pairs = {
        f"{strategy.name}-{option}": _changed_options(strategy, option, change)
        for strategy in ALL
        for option, change in strategy.changes.items()
    } | {name: [before, after] for name, (before, after, _) in _others().items()}

    def write(names: Iterable[str], which: int) -> None:
        cases = {name: pairs[name][which] for name in names}
        configuration = call_of_each(cases, source="./module")
        (folder / "main.tf.json").write_text(json.dumps(configuration), encoding="utf-8")

    write(pairs, 0)
    terraform(folder, "init")
    terraform(folder, "apply", "-auto-approve")
    messages: list[str] = []
    allowed = set(pairs)
    while allowed:
        write(allowed, 1)
        found, rotated = _plan(folder, terraform_env)
        if not found:
            return Planned(messages=messages, rotated=rotated)
        messages += found
        # A refused instance hides what depends on its resource, in all instances.
        refused = {message.removeprefix("Secret ").partition(": ")[0] for message in found}
        left = {name for name in allowed if pairs[name][1]["name"] not in refused}
        assert left < allowed, messages
        allowed = left
    pytest.fail("Every change is refused.")


def _plan(folder: Path, env: Mapping[str, str]) -> tuple[list[str], frozenset[str]]:
    """Return the messages that refuse instances, and the instances that rotate."""
    result = subprocess.run(
        ["terraform", f"-chdir={folder}", "plan", "-json"],
        check=False,
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    errors = [one["diagnostic"] for one in lines if one["@level"] == "error"]
    assert [one for one in errors if one["summary"] != "Resource postcondition failed"] == []
    changes = [one["change"] for one in lines if one["type"] == "planned_change"]
    # An instance that was refused is left out, and so destroyed.
    planned = [one["resource"]["addr"] for one in changes if one["action"] != "delete"]
    return (
        [one["detail"] for one in errors],
        frozenset(one.split('"')[1] for one in planned if one.endswith("rotation[0]")),
    )


_CASES = [
    case(strategy, option, id=f"{strategy.name}-{option}")
    for strategy in ALL
    for option in strategy.changes
]


@pytest.mark.parametrize(("strategy", "option"), _CASES)
def test_a_changed_option_does_what_its_record_says(
    strategy: StrategyUnderTest, option: str, planned: Planned
) -> None:
    effect = strategy.changes[option].effect
    refused = [
        one for one in planned.messages if one.startswith(f"Secret {strategy.name}/{option}: ")
    ]
    assert len(refused) == (effect is Effect.REFUSED)
    if effect is not Effect.REFUSED:
        assert (f"{strategy.name}-{option}" in planned.rotated) == (effect is Effect.ROTATES)


@pytest.mark.parametrize("name", _others())
def test_other_changes(name: str, planned: Planned) -> None:
    *_, message = _others()[name]
    if message:
        assert [one for one in planned.messages if one.startswith(message)] != []
    else:
        assert not [
            one
            for one in planned.messages
            if one.startswith((f"Secret {name}:", f"Secret {name}-2:", "Secret renamed-3:"))
        ]


def test_a_trigger_or_a_new_secret_rotates_and_a_renamed_owner_does_not(planned: Planned) -> None:
    assert {"trigger", "renamed-without-limit", "renamed-with-another-owner"} <= planned.rotated
    assert "renamed-owner" not in planned.rotated


def test_each_message_says_what_to_write_and_what_was_found(planned: Planned) -> None:
    assert all(" Change " in one and " Found: " in one for one in planned.messages)


@pytest.mark.parametrize("strategy", [*map(case, ALL)])
def test_no_option_is_forgotten(strategy: StrategyUnderTest, repository: Path) -> None:
    module, _ = strategy.folders
    text = (repository / module / "variables.tf").read_text(encoding="utf-8")
    (options,) = (
        block['"options"'] for block in hcl2.loads(text)["variable"] if '"options"' in block
    )
    attributes = options["type"]
    assert sorted(strategy.changes) == sorted(_names(attributes))


def _names(hcl_type: str) -> list[str]:
    """Return the names of an object's attributes."""
    depth, names, word = 0, [], ""
    for character in hcl_type.removeprefix("${"):
        if character == "=" and depth == 2:
            names.append(word.strip().strip('"'))
        depth += (character in "({") - (character in ")}")
        word = "" if character in "{,\n" else word + character
    return names
