"""The fields beside a credential survive every rotation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import ConfigurationError
from tests.strategies import ROTATORS, RotatorUnderTest, case, rules_in
from tests.unit.subject import CONSTANTS
from tests.unit.subjects import EACH_SUBJECT, GENERATOR, prepared

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.rotator import Rotation

_OTHERS: Final = """{
  "kind": "database", "retries": 5432, "tls": true, "replica": null, "weight": 0.25,
  "number": 123456789012345678901234567890, "tiny": 1e-300, "text": "\\u00e9\\ud83d\\ude00",
  "nested": {"hosts": ["a", {"b": [1, 2.5, false]}]}, "list": [], "": "no name"
}"""


def _with(rotation: Rotation, **fields: object) -> dict[str, Any]:
    """Store the current value with more fields, some before and some after its own."""
    others = json.loads(_OTHERS)
    value = {"kind": others.pop("kind"), **rotation.secret.value(), **others, **fields}
    rotation.put_by_hand(json.dumps(value))
    return value


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_all_other_fields_survive_every_rotation_with_type_and_order(subject: str) -> None:
    rotation = prepared(subject, "steady")
    before = _with(rotation)
    others = json.loads(_OTHERS)
    for _ in range(3):
        rotation.rotate()
        after = rotation.secret.value()
        assert {name: after[name] for name in others} == others
        assert [type(after[name]) for name in others] == [*map(type, others.values())]
        assert list(after) == list(before)
        assert after != before


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_configured_constant_replaces_an_old_field(subject: str) -> None:
    rotation = prepared(subject, "steady")
    (constant,) = CONSTANTS
    _with(rotation, **{constant: "an old value"})
    rotation.rotate()
    assert rotation.secret.value()[constant] == CONSTANTS[constant]


@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_a_field_of_an_old_credential_does_not_outlive_it(
    strategy: RotatorUnderTest, repository: Path
) -> None:
    rotation = prepared(strategy.name, "steady")
    own: frozenset[str] = getattr(
        rotation.strategy(rotation.cloud.clients()), "own_fields", frozenset()
    )
    current = rotation.secret.value()
    rotation.put_by_hand(json.dumps({**current, **dict.fromkeys(own - current.keys())}))
    rotation.rotate()
    assert rotation.secret.value().keys() == current.keys()
    # The plan refuses constants with these names.
    module, _ = strategy.folders
    listed = re.search(r"_value_keys\s*= \[(.*?)\]", rules_in(repository / module), re.DOTALL)
    assert own == set(re.findall(r'"(\w+)"', listed[1] if listed else ""))


@pytest.mark.parametrize("number", ["1e400", "-1e400"])
def test_a_number_that_is_infinite_for_most_parsers_is_not_accepted_as_json(number: str) -> None:
    rotation = prepared(GENERATOR, "steady")
    text = json.dumps(rotation.secret.value())
    rotation.put_by_hand(f'{text[:-1]}, "number": {number}}}')
    rotation.give_up()
    before = rotation.secret.current_text()
    with pytest.raises(ConfigurationError, match="must be a JSON object"):
        rotation.steps(rotation.stage())
    assert rotation.secret.current_text() == before
