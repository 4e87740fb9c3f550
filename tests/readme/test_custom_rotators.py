"""docs/custom-rotators.md explains every member of the Protocols, and nothing that isn't there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from rotation import api, strategy
from tests.readme.blocks import REPOSITORY

_PAGE = (REPOSITORY / "docs" / "custom-rotators.md").read_text()
_FAMILIES = (strategy.Generator, strategy.Setter, strategy.Replacer, strategy.Issuer)


def _members(family: type) -> dict[str, str]:
    """Each member as a heading: an attribute by its name, a method with its parameters."""
    found = {}
    for kind in family.__mro__:
        for name, member in vars(kind).items():
            if name[0] != "_" and isinstance(member, property):
                found[name] = name
            elif name[0] != "_" and inspect.isfunction(member):
                _, *parameters = inspect.signature(member).parameters
                found[name] = f"{name}({', '.join(parameters)})"
    return found


def test_every_member_has_a_heading_with_its_parameters() -> None:
    headings = re.findall(r"^### `(.+)`$", _PAGE, re.MULTILINE)
    kinds = (*_FAMILIES, strategy.Revoker, strategy.OptionalAttributes)
    members = {heading for kind in kinds for heading in _members(kind).values()}
    assert sorted(headings) == sorted(members)


def test_each_attribute_that_the_core_reads_by_its_name_is_declared() -> None:
    core = "".join(path.read_text() for path in Path(strategy.__file__).parent.glob("*.py"))
    read = re.findall(r'getattr\([\w.]*strategy, "(\w+)"', core)
    assert {*read} == _members(strategy.OptionalAttributes).keys()


@pytest.mark.parametrize("family", _FAMILIES, ids=lambda family: family.__name__)
def test_the_table_of_families_lists_all_members(family: type) -> None:
    (row,) = re.findall(rf"^\| {family.__name__} \|.*\| (.+) \|$", _PAGE, re.MULTILINE)
    inherited = _members(strategy.Generator) if "those of a Generator" in row else {}
    assert {*re.findall(r"`(\w+)`", row)} | inherited.keys() == _members(family).keys()


def test_every_class_that_the_page_names_can_be_imported() -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)[`.(]", _PAGE))
    assert named - {"None"} <= {*api.__all__}
