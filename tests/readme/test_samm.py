"""docs/samm.md has a row for each criterion, and what a row names exists."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

import pytest

from tests.readme.blocks import REPOSITORY

_TEXT = (REPOSITORY / "docs" / "samm.md").read_text()
_TEST = re.compile(r"`((?:modules|tests)/\S+\.(?:py|tftest\.hcl))`")
_QUERY = re.compile(r"`(docs/queries/\S+)`")
_RESOURCE = re.compile(r"`(aws_\w+)`")
_LINK = re.compile(r"\]\([^)]+\)")
# A row about the text of an activity of SAMM, which isn't a quality criterion.
_ACTIVITY = "*Activity*: "
# How many criteria the sections have, in their order.
_CRITERIA = {
    "Level 1: Protect application secrets in configuration and code": 3,
    "Level 2: Include application secrets during deployment": 3,
    "Level 3: Enforce lifecycle management of application secrets": 3,
    "PCI DSS 4.0.1": 4,
    "CIS AWS Foundations Benchmark 7.0": 1,
    "NIST SP 800-53 revision 5": 1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    section: str
    criterion: str
    covered: str
    shown: str
    task: str

    @classmethod
    def of(cls, section: str, line: str) -> Self:
        criterion, covered, _, shown, task = re.split(r" +\| +", line.strip("| "))
        return cls(section=section, criterion=criterion, covered=covered, shown=shown, task=task)


def _rows() -> list[_Row]:
    sections = re.findall(r"^###? ([^\n]+)\n(.*?)(?=^##|\Z)", _TEXT, re.DOTALL | re.MULTILINE)
    return [
        _Row.of(heading, line)
        for heading, body in sections
        for line in re.findall(r"^\| [^\n]+$", body, re.MULTILINE)[1:]
    ]


_ROWS = _rows()


def test_each_section_has_its_criteria() -> None:
    found = dict.fromkeys(_CRITERIA, 0)
    for row in _ROWS:
        found[row.section] += not row.criterion.startswith(_ACTIVITY)
    assert found == _CRITERIA
    for name in ("8.3.9", "8.6.3", "[2.12]", "[AC-2(1)]"):
        assert any(row.criterion.startswith(name) for row in _ROWS), name


@pytest.mark.parametrize("row", _ROWS, ids=[row.criterion[:40] for row in _ROWS])
def test_a_row_says_how_much_is_covered_and_shows_it(row: _Row) -> None:
    assert row.covered in {"all", "part", "none"}
    assert row.task
    assert any(kind.search(row.shown) for kind in (_TEST, _QUERY, _RESOURCE, _LINK))
    # Nothing is covered whole without a test.
    assert row.covered != "all" or _TEST.search(row.shown)


def test_each_test_and_query_that_a_row_names_exists() -> None:
    named = [path for row in _ROWS for kind in (_TEST, _QUERY) for path in kind.findall(row.shown)]
    assert [path for path in named if not (REPOSITORY / path).is_file()] == []


def test_each_resource_that_a_row_names_exists() -> None:
    files = [*REPOSITORY.glob("*.tf"), *REPOSITORY.glob("modules/**/*.tf")]
    configuration = "".join(path.read_text() for path in files)
    resources = set(re.findall(r'^resource "(\w+)"', configuration, re.MULTILINE))
    assert {*_RESOURCE.findall(_TEXT)} <= resources


def test_each_input_that_the_page_names_exists() -> None:
    files = "".join(path.read_text() for path in REPOSITORY.glob("variables*.tf"))
    inputs = {*re.findall(r'^variable "(\w+)"', files, re.MULTILINE)}
    named = {*re.findall(r"`(?!aws_)([a-z_]+)(?: = [^`]+)?`", _TEXT)}
    assert named
    assert named <= inputs


def test_no_key_gets_older_than_the_plan_accepts() -> None:
    """A key lives for two intervals, and a rotation may run late in its window of a day."""
    (default, longest) = (
        int(days) for days in re.findall(r"`rate\((\d+) days\)`", _TEXT.partition("2.12")[2])
    )
    assert f"no key gets older than {2 * default + 1} days" in _TEXT
    assert 2 * longest + 1 <= 90 < 2 * (longest + 1) + 1
    assert f"`rate({longest} days)`" in (REPOSITORY / "docs" / "schedule.md").read_text()
