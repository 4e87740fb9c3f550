"""The plan keeps each promise: one inventory per file, written by hand."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plan.conftest import INVENTORIES, Plan, inventory

pytestmark = pytest.mark.xdist_group("plan")

_MISSING = "__missing__"


def _differences(expected: object, found: object, place: str) -> Iterator[str]:
    """Compare as a subset: an attribute that the inventory does not name may have any value."""
    if isinstance(expected, dict | list) and isinstance(found, str):
        found = json.loads(found)
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            yield from _differences(value, found.get(key, _MISSING), f"{place}.{key}")
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(one, other, f"{place}[{index}]")
    elif expected != found:
        yield f"{place}: expected {expected!r}, found {found!r}"


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_the_plan_keeps_the_promise(path: Path, inventories_plan: Plan) -> None:
    expected, found = inventory(path), inventories_plan.instance(path.stem)
    assert found.counts == expected["counts"]
    assert [
        *_differences(expected.get("resources", {}), found.resources, "resources"),
        *_differences(expected.get("outputs", {}), found.outputs, "outputs"),
    ] == []


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.stem)
def test_the_inventory_says_which_promise(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# Promise ")
    assert set(inventory(path)) <= {"variables", "counts", "resources", "outputs"}


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="value"),
        pytest.param({"a": 1}, {}, id="missing"),
        pytest.param([1], [1, 2], id="longer-list"),
        pytest.param({"a": [{"b": 1}]}, '{"a": [{"b": 2}]}', id="inside-json"),
        pytest.param({"a": _MISSING}, {"a": 1}, id="not-missing"),
    ],
)
def test_a_difference_is_found(expected: object, found: object) -> None:
    assert list(_differences(expected, found, "plan")) != []
