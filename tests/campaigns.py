"""The campaigns: which tests make one up, how many cases they go through, and the table of them.

A test belongs to one by `@pytest.mark.campaign("Faults")` and is one case of it, unless it says by
the fixture `cases` how many it went through. `--write-campaigns FILE` writes the table into a page.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter  # pytest hands one to its hook under no public name.

# In the table's order.
CAMPAIGNS = ("Kill matrix", "Faults", "Sequences", "Bad input", "Leaks", "Grants", "Load")

BEGIN, END = "<!-- BEGIN_CAMPAIGNS -->\n", "<!-- END_CAMPAIGNS -->\n"

CountCases = Callable[[int], None]


@dataclass(slots=True)
class _Row:
    campaign: str
    cases: int = 0
    passed: int = 0
    ending: int = 0
    seconds: float = 0

    def add(self, reports: Sequence[pytest.TestReport]) -> None:
        """Add one test, whose every case fails with it: nobody knows which of them did."""
        cases = sum(_property(reports, "cases")) or 1
        whole = any(report.when == "call" and report.passed for report in reports)
        self.cases += cases
        self.ending += sum(_property(reports, "ending"))
        self.passed += cases if whole and not any(report.failed for report in reports) else 0
        self.seconds += sum(report.duration for report in reports)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-campaigns", metavar="FILE", type=Path, help="write the campaigns' table into FILE"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if mark := item.get_closest_marker("campaign"):
            (campaign,) = mark.args
            if campaign not in CAMPAIGNS:
                message = f"{item.nodeid}: {campaign} is no campaign; write one of {CAMPAIGNS}."
                raise pytest.UsageError(message)
            item.user_properties.append(("campaign", campaign))


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> CountCases:
    """Tell how many cases of its campaign a test went through."""
    node: pytest.Item = request.node
    assert node.get_closest_marker("campaign"), "Only a campaign's cases are counted."

    def count(number: int) -> None:
        node.user_properties.append(("cases", number))

    return count


def pytest_terminal_summary(
    terminalreporter: TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    tests: dict[str, list[pytest.TestReport]] = {}
    for report in chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            tests.setdefault(report.nodeid, []).append(report)
    rows = {campaign: _Row(campaign) for campaign in CAMPAIGNS}
    for reports in tests.values():
        for campaign in _property(reports, "campaign"):
            rows[campaign].add(reports)
    table = _table([row for row in rows.values() if row.cases])
    if table:
        terminalreporter.section("campaigns")
        terminalreporter.write(table)
    page: Path | None = config.getoption("write_campaigns")
    # An interrupted run says nothing of the tests that it did not come to.
    if page and exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        _write(page, table)


def _property(reports: Sequence[pytest.TestReport], name: str) -> list[Any]:
    """Each report of a test repeats what the earlier ones held."""
    properties = max((report.user_properties for report in reports), key=len)
    return [value for known, value in properties if known == name]


def _table(rows: Sequence[_Row]) -> str:
    seed = os.environ.get("SEED", "fixed")
    lines = [
        f"| {row.campaign} | {row.cases:,} | {row.passed:,} | {seed} | {row.seconds:,.0f} |\n"
        for row in rows
    ]
    head = "| campaign | cases | passed | seed | seconds |\n|---|--:|--:|--:|--:|\n"
    # What no try can bring to its end, and need not.
    remarks = [
        f"\n{row.ending:,} cases of the {row.campaign.lower()} left a token that its issuer "
        "cannot list. No version holds it, and it expires.\n"
        for row in rows
        if row.ending
    ]
    return "".join([head, *lines, *remarks]) if lines else ""


def _write(page: Path, table: str) -> None:
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}{table}{END}{after}")
