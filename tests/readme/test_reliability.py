"""docs/reliability.md explains every campaign, and shows none that failed."""

import re
from pathlib import Path

import pytest

from rotation.strategies import REGISTRY
from tests.campaigns import BEGIN, CAMPAIGNS, END


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "reliability.md").read_text()


def test_every_campaign_has_its_section(page: str) -> None:
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert headings[:-1] == list(CAMPAIGNS)


def test_the_table_has_every_strategy_and_campaign_and_no_failure(page: str) -> None:
    table = page.partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    (_, *campaigns), _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert campaigns == list(CAMPAIGNS)
    assert {row[0] for row in rows} >= {*REGISTRY}
    assert [cell for row in rows for cell in row if "failed" in cell] == []
    # The page must say what was not run.
    missing = [cell for row in rows for cell in row if cell == "" or "not run" in cell]
    assert bool(missing) == ("A cell without a number was not run." in table)
