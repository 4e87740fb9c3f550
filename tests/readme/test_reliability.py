"""docs/reliability.md explains every campaign, and shows none that failed."""

import re
from pathlib import Path

import pytest

from tests.campaigns import BEGIN, CAMPAIGNS, END


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "reliability.md").read_text()


def test_every_campaign_has_its_section(page: str) -> None:
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert headings[:-1] == list(CAMPAIGNS)


def test_every_case_in_the_table_passed(page: str) -> None:
    table = page.partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in table.splitlines()[2:] if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [row for row in rows if row[0] not in CAMPAIGNS or row[1] != row[2]] == []
