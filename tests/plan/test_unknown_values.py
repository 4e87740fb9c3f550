"""A list or map may hold values of the same apply: its length decides no count (promise 6)."""

from typing import Any

import pytest

from testing.harness.terraform import instances
from tests.plan.conftest import MakeRoot
from tests.plan.test_nulls import CALLS, attributes, input_types, split_types
from tests.strategies import ALL, MANAGED, SIMPLEST

pytestmark = pytest.mark.xdist_group("plan")

_LATER = "terraform_data.later.id"
_MAP = f"${{jsondecode({_LATER})}}"
# Terraform knows that each is a list, but not how long it is, except the set's.
_LISTS = (
    f"${{compact([{_LATER}, null])}}",
    f"${{distinct([{_LATER}, {_LATER}])}}",
    f"${{toset([{_LATER}])}}",
    # Of concat's result, Terraform doesn't know even that. The descriptions name this cure.
    f'${{compact(concat(compact([{_LATER}]), ["arn:aws:iam::123456789012:role/app"]))}}',
    # An unknown list may turn out to be empty, so an empty one must make the same.
    "${[]}",
)
# Module calls in which alarm_actions and readers decide each count.
_COUNTS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "fast": (
        {"rotation": {SIMPLEST.name: {}}, "schedule_expression": "rate(30 minutes)"},
        {
            "module.function[0].aws_cloudwatch_metric_alarm.this[0]",
            "module.schedule[0].aws_cloudwatch_metric_alarm.this[0]",
        },
    ),
    "managed": (
        MANAGED.module_call,
        {"module.alarm[0].aws_cloudwatch_metric_alarm.this"},
    ),
}
_POLICY = "aws_secretsmanager_secret_policy.this[0]"


def _unknown(type_: str, value: Any, *, inside: bool) -> Any:  # noqa: ANN401 -- JSON
    """Return the value with each list and map unknown, or with those inside of maps unknown."""
    kind, _, inner = type_.partition("(")
    inner = inner.rpartition(")")[0]
    if kind == "optional":
        return _unknown(split_types(inner)[0], value, inside=inside)
    if kind == "map" and inside and value:
        return {key: _unknown(inner, one, inside=True) for key, one in value.items()}
    if kind in {"list", "map", "set"}:
        return _MAP if kind == "map" else _LISTS[0]
    if kind == "object" and value is not None:
        lists = {
            name: _unknown(of_type, value.get(name), inside=inside)
            for name, of_type in attributes(inner)
        }
        return {**value, **lists}
    return value


@pytest.mark.parametrize(
    "every",
    [pytest.param(False, id="some"), pytest.param(True, id="every", marks=pytest.mark.slow)],
)
def test_an_unknown_length_decides_no_count(make_root: MakeRoot, *, every: bool) -> None:
    types = input_types()
    calls: dict[str, dict[str, Any]] = {}
    more = [one.module_call for one in ALL] if every else []
    for number, call in enumerate([*CALLS[:2], *more]):
        for inside in (False, True):
            changed = {
                name: _unknown(types[name], call[name], inside=inside)
                for name in types.keys() & call.keys()
            }
            if {**call, **changed} not in calls.values():
                calls[f"call_{number}_{inside}"] = {**call, **changed}
    expected = set()
    for number, unknown in enumerate(_LISTS):
        # The short form has each list in one of the calls.
        kinds = [*_COUNTS.items()]
        for name, (call, alarms) in kinds if every else [kinds[number % len(kinds)]]:
            key = f"{name}_{number}"
            calls[key] = {"name": "secret", **call, "alarm_actions": unknown, "readers": unknown}
            expected |= {f'module.instances["{key}"].{address}' for address in {_POLICY, *alarms}}
    # A string of the same apply may be null, unless a function has made it.
    topic = f'${{format("%s", {_LATER})}}'
    calls["notified"] = {
        "name": "secret",
        "notifications": {"topic_arn": topic},
        "rotation": {SIMPLEST.name: {}},
    }
    expected.add('module.instances["notified"].module.notifications[0].aws_lambda_function.this')
    plan = make_root(
        {
            **instances(calls, source="../module"),
            "resource": {"terraform_data": {"later": {}}},
        }
    ).plan()
    assert expected <= {one["address"] for one in plan.shown["resource_changes"]}
