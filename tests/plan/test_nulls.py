"""A null inside an input is absent, or a message names its field (promise 6)."""

import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import hcl2

from tests.plan.conftest import Refuse, RefuseEach
from tests.strategies import ALL, REPRESENTATIVE

_ACCOUNT = "123456789012"
_KEY = f"arn:aws:kms:eu-west-1:{_ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_ROLE = f"arn:aws:iam::{_ACCOUNT}:role/reporter"

# Valid module calls. Each list, map and object has a value in at least one of them.
CALLS: list[Mapping[str, Any]] = [
    {
        "name": "secret",
        "administrators": [_ROLE],
        "description": "Reports",
        "former_kms_key_arns": [_KEY],
        "initial_value": "first",
        "initial_value_version": 1,
        "kms_key_arn": _KEY.replace("1234abcd-", "abcd1234-"),
        "policy_statements": {
            "AuditorsDescribe": {
                "actions": ["secretsmanager:DescribeSecret"],
                "conditions": {"StringEquals": {"aws:PrincipalOrgID": ["o-1"]}},
                "principals": {"AWS": [_ROLE]},
            }
        },
        "readers": [_ROLE],
        "readers_exclusive": True,
        "recovery_window_in_days": 7,
        "replica_overwrite": True,
        "replica_regions": {"eu-central-1": _KEY.replace("eu-west-1", "eu-central-1")},
        "tags": {"team": "reports"},
    },
    {
        **REPRESENTATIVE.module_call,
        "alarm_actions": [f"arn:aws:sns:eu-west-1:{_ACCOUNT}:alerts"],
        "audit": {},
        "function": {
            "layers": [f"arn:aws:lambda:eu-west-1:{_ACCOUNT}:layer:certificates:1"],
            "vpc": {
                "security_group_ids": ["sg-0123456789abcdef0"],
                "subnet_ids": ["subnet-0123456789abcdef0"],
            },
        },
        "minimum_overlap_minutes": 5,
        "notifications": {},
        "revocation": {"events": {"sources": ["example.scanner"]}, "responders": [_ROLE]},
        "rotate_immediately": True,
        "rotation_triggers": {"user": "AIDAEXAMPLE"},
        "schedule_expression": "cron(30 8 * * ? *)",
        "schedule_timezone": "Europe/Berlin",
        "scheduler": {},
    },
    {
        **REPRESENTATIVE.module_call,
        "previous_credential": {"retire_after_days": 7},
        "schedule_duration": "1h",
    },
    *(strategy.module_call_with(rule.accepted) for strategy in ALL for rule in strategy.rules),
]

Place = tuple[str, ...]

# A null is how a caller leaves out an optional scalar.
_SCALAR = re.compile(r"optional\((?:bool|number|string)\b|(?:bool|number|string)$")


def _nulled(type_: str, value: Any, place: Place) -> Iterator[tuple[Place, object]]:  # noqa: ANN401 -- JSON
    """Each place that can be null, with the value that has a null there; * is any element."""
    yield place, None
    kind, _, inner = type_.partition("(")
    inner = inner.rpartition(")")[0]
    if kind == "optional":
        yield from [*_nulled(split_types(inner)[0], value, place)][1:]
    elif kind in {"list", "set"}:
        for found, changed in _nulled(inner, value[0] if value else None, (*place, "*")):
            yield found, [changed]
    elif kind == "map":
        for key, old in [*(value or {}).items()][:1]:
            for found, changed in _nulled(inner, old, (*place, "*")):
                yield found, {**value, key: changed}
    elif kind == "object" and value is not None:
        for name, of_type in attributes(inner):
            for found, changed in _nulled(of_type, value.get(name), (*place, name)):
                yield found, {**value, name: changed}


def _places(type_: str, place: Place) -> Iterator[Place]:
    """Each place of the type that can be null."""
    yield place
    kind, _, inner = type_.partition("(")
    inner = inner.rpartition(")")[0]
    if kind == "optional":
        yield from [*_places(split_types(inner)[0], place)][1:]
    elif kind == "object":
        for name, of_type in attributes(inner):
            yield from _places(of_type, (*place, name))
    elif kind in {"list", "map", "set"}:
        yield from _places(inner, (*place, "*"))


def attributes(inner: str) -> Iterator[tuple[str, str]]:
    """Each attribute of an object and its type, without the optional scalars."""
    for attribute in split_types(inner.strip("{}")):
        name, _, type_ = attribute.partition(" = ")
        if not (type_.startswith("optional(") and _SCALAR.match(type_)):
            yield name, type_


def split_types(text: str) -> list[str]:
    """Split at the commas that are in no bracket."""
    depth, parts = 0, [""]
    for character in text:
        depth += (character in "({[") - (character in ")}]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


_REPOSITORY = Path(__file__).resolve().parents[2]


@functools.cache
def input_types() -> Mapping[str, str]:
    """Return the type of each input of the module, without the scalars."""
    return {
        name.strip('"'): re.sub(r"^\$\{(.*)\}$", r"\1", variable["type"])
        for file in _REPOSITORY.glob("variables*.tf")
        for block in hcl2.loads(file.read_text(encoding="utf-8"))["variable"]
        for name, variable in block.items()
        if not _SCALAR.match(variable["type"])
    }


@functools.cache
def _cases() -> Mapping[Place, dict[str, Any]]:
    """Return a module call for each place, which has a null there."""
    cases: dict[Place, dict[str, Any]] = {}
    for call in CALLS:
        for name in input_types().keys() & call.keys():
            for place, changed in _nulled(input_types()[name], call[name], (name,)):
                cases.setdefault(place, {**call, name: changed})
    return cases


def test_each_place_of_each_input_has_a_case() -> None:
    assert {*_cases()} == {
        place for name, type_ in input_types().items() for place in _places(type_, (name,))
    }


def test_a_null_is_absent_or_named(refuse: Refuse, refuse_each: RefuseEach) -> None:
    """Any other error of Terraform's fails in the fixtures."""
    cases = _cases()
    named = {f"secret-{n}": place for n, place in enumerate(cases) if cases[place]["name"]}
    found = refuse_each({name: cases[place] | {"name": name} for name, place in named.items()})
    messages = {place: found[name] for name, place in named.items()}
    messages |= {place: refuse(call) for place, call in cases.items() if place not in messages}
    for place, rules in messages.items():
        names = [name for name in place if name != "*"]
        if names[:-1] == ["rotation"]:  # Without it, there is no strategy to name.
            names.pop()
        assert [rule for rule in rules if names[-1] not in rule] == [], place
    # Without these, the walk would show nothing.
    assert sum(map(bool, messages.values())) > len(messages) / 3
