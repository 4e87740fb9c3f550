"""The table of README.md has every behaviour and every test."""

import re
from pathlib import Path

import pytest

from testing.local_aws.behaviours import BEHAVIOURS

_FOLDER = Path(__file__).resolve().parents[1]
_REPOSITORY = _FOLDER.parents[1]
_TESTS = _FOLDER / "tests"


def _table() -> list[list[str]]:
    page = (_FOLDER / "README.md").read_text(encoding="utf-8")
    section = page.partition("## Added behaviours")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return rows[1:]


def _paths(column: int) -> set[str]:
    return {path for row in _table() for path in re.findall(r"`([\w/]+\.py)`", row[column])}


def test_the_table_has_every_behaviour() -> None:
    behaviours = {f"{name.replace('.', '/')}.py" for name in BEHAVIOURS}
    in_folders = {
        str(path.relative_to(_FOLDER))
        for folder in ("functions", "iam", "secretsmanager")
        for path in (_FOLDER / folder).glob("*.py")
    }
    assert _paths(1) == behaviours | in_folders


def test_the_table_has_every_test_of_a_behaviour() -> None:
    tests = {str(path.relative_to(_TESTS)) for path in _TESTS.rglob("test_*.py")}
    assert _paths(3) == tests - {"test_readme.py", "test_server.py", "test_workers.py"}


@pytest.mark.parametrize("row", _table(), ids=lambda row: row[0][:40])
def test_each_row_has_an_aws_page_a_confirmation_and_a_consequence(row: list[str]) -> None:
    behaviour, _, aws, _, confirmation, consequence = row
    assert behaviour.endswith(".")
    assert re.search(r"\]\(https://docs\.aws\.amazon\.com/", aws)
    others = re.findall(r"\]\((https://(?!docs\.aws)[^)]+)\)", confirmation)
    ours = re.findall(r"`(tests/[\w/]+\.py)`", confirmation)
    assert others or ours or confirmation == "AWS's page only"
    assert [path for path in ours if not (_REPOSITORY / path).is_file()] == []
    assert consequence.endswith(".")
