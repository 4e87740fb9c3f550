"""The page has the reasons, the prices and the costs of the code."""

import re
from pathlib import Path

import pytest

from testing.real_aws import prices
from testing.real_aws.selection import FIXTURES, NO_ACCOUNT

_ROOT = Path(__file__).resolve().parents[3]
_HOURS = 3


@pytest.fixture(scope="module")
def page() -> str:
    return (_ROOT / "testing" / "README.md").read_text().partition("\n## A real account\n")[2]


def test_the_page_has_each_reason(page: str) -> None:
    sources = [*(_ROOT / "testing" / "local_aws" / "tests").rglob("*.py")]
    sources += [*(_ROOT / "tests" / "strategies").glob("*.py")]
    marked = {
        found
        for path in sources
        for found in re.findall(r'\blocal_only(?:\(| = )"(.+)"', path.read_text())
    }
    table = page.partition("\n| reason |\n")[2].partition("\n\n")[0].splitlines()[1:]
    assert {row.strip("| ") for row in table} == {NO_ACCOUNT, *FIXTURES.values(), *marked}


def test_the_page_has_each_price_and_its_sum(page: str) -> None:
    rows = re.findall(r"^\| .*`(.+?)` \| (\d+) \| ([\d.]+) \|$", page, re.MULTILINE)
    by_arithmetic = {arithmetic: (int(number), usd) for arithmetic, number, usd in rows}
    assert {*by_arithmetic} == {
        prices.USE_OF_A_TEST.arithmetic,
        *(price.arithmetic for price in prices.PRICES.values()),
    }
    for kind, price in prices.PRICES.items():
        number, usd = by_arithmetic[price.arithmetic]
        assert f"{number * prices.cost(kind, _HOURS):.2f}" == usd
        assert price.page in page
    number, usd = by_arithmetic[prices.USE_OF_A_TEST.arithmetic]
    assert f"{number * prices.use_of_a_test():.2f}" == usd


def test_the_page_says_that_it_was_never_run(page: str) -> None:
    assert "**No run has ever used a real account.**" in page
