"""The campaigns: their tests, how many cases each test ran, and the table of the results.

A test is part of a campaign by `@pytest.mark.campaign("Faults")`. It is one case, or as many as it
reports to the fixture `cases`. `--record FOLDER` keeps the result of each test and leaves out the
tests that passed before with the same SEED and the same code under test.
`--write-campaigns FILE` writes the table into a page.
"""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from _pytest.terminal import TerminalReporter  # pytest gives one to its hook under no public name.

from tests.selection import strategies_of
from tests.strategies import ALL

# In the order of the table.
CAMPAIGNS: Final = ("Kill matrix", "Faults", "Sequences", "Bad input", "Leaks", "Grants", "Load")
SHARED: Final = "tests of several"
ROWS: Final = (*(strategy.name for strategy in ALL), SHARED)

BEGIN, END = "<!-- BEGIN_CAMPAIGNS -->\n", "<!-- END_CAMPAIGNS -->\n"

CountCases = Callable[[int], None]
Code: TypeAlias = tuple[str, ...]
"""Patterns of files."""

_REPOSITORY: Final = Path(__file__).resolve().parents[1]
# A run goes on after a change of tests, but starts again after a change of these.
_PAYLOAD: Final[Code] = ("examples/custom/*.py", "lambda/**/*.py", "tools/conformance/**/*.py")
_PRODUCT: Final[Code] = (*_PAYLOAD, "*.tf", "modules/**/*.tf")
# The tests in these folders deploy nothing, so only the payload is under test.
_OF_PAYLOAD: Final[Code] = ("tests/conformance/", "tests/unit/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The outcome of one test."""

    test: str
    strategy: str
    campaign: str
    cases: int
    passed: bool
    ending: int
    """The cases that left a token until it expires."""
    seconds: float
    date: str


class Results:
    """The results of this run and, with a record, of the runs before it."""

    def __init__(self, folder: Path | None) -> None:
        """Read the records in the folder, if there are any."""
        self._records = {
            code: folder / f"{_hash(code)}-{_seed()}.jsonl"
            for code in (_PAYLOAD, _PRODUCT)
            if folder
        }
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self.by_test: dict[str, Result] = {}
        for record in self._records.values():
            for line in record.read_text().splitlines() if record.exists() else ():
                result = Result(**json.loads(line))
                self.by_test[result.test] = result

    @property
    def expected(self) -> Counter[str]:
        """How many tests there are for a cell of the table, by `_cell`; empty without a record."""
        return sum(map(_expected, self._records.values()), Counter())

    def expect(self, cells: Mapping[Code, Counter[str]]) -> None:
        """Keep what a collection has found, for the process that writes the table.

        Args:
            cells: how many tests of each code there are for a cell.
        """
        for code, record in self._records.items():
            record.parent.mkdir(parents=True, exist_ok=True)
            found = {**_expected(record), **cells[code]}
            _replace(_beside(record), json.dumps(found))

    def passed(self) -> list[str]:
        """Return the tests that need not run again."""
        return [test for test, result in self.by_test.items() if result.passed]

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase of a test. The last one is the teardown, or the crash of a process."""
        reports = self._reports.setdefault(report.nodeid, [])
        reports.append(report)
        if report.when in {"setup", "call"}:
            return
        del self._reports[report.nodeid]
        # Each report repeats the properties of those before it.
        properties = max((one.user_properties for one in reports), key=len)
        values: dict[str, list[Any]] = {}
        for name, value in properties:
            values.setdefault(name, []).append(value)
        if "campaign" not in values:
            return
        called = any(one.when == "call" and one.passed for one in reports)
        result = Result(
            test=values["test"][0],
            strategy=values["strategy"][0],
            campaign=values["campaign"][0],
            cases=sum(values.get("cases", [])) or 1,
            passed=called and not any(one.failed for one in reports),
            ending=sum(values.get("ending", [])),
            seconds=sum(one.duration for one in reports),
            date=datetime.now(UTC).date().isoformat(),
        )
        self.by_test[result.test] = result
        if record := self._records.get(_code(result.test)):
            record.parent.mkdir(parents=True, exist_ok=True)
            with record.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")


def _beside(record: Path) -> Path:
    return record.with_suffix(".expected.json")


def _expected(record: Path) -> Counter[str]:
    path = _beside(record)
    return Counter(json.loads(path.read_text()) if path.exists() else {})


_RESULTS: Final = pytest.StashKey[Results]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-campaigns", metavar="FILE", type=Path, help="write the campaigns' table into FILE"
    )
    parser.addoption(
        "--record", metavar="FOLDER", type=Path, help="keep results, and go on where a run ended"
    )


def pytest_configure(config: pytest.Config) -> None:
    results = config.stash[_RESULTS] = Results(config.getoption("record"))
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(results, "campaign-results")


def _seed() -> str:
    return os.environ.get("SEED", "fixed")


def _cell(row: str, campaign: str) -> str:
    return f"{row} | {campaign}"


def _code(test: str) -> Code:
    """Return the patterns of the files that a test depends on."""
    return _PAYLOAD if test.startswith(_OF_PAYLOAD) else _PRODUCT


def _hash(code: Code) -> str:
    found = hashlib.sha256()
    for path in sorted(path for pattern in code for path in _REPOSITORY.glob(pattern)):
        found.update(f"{path.relative_to(_REPOSITORY)}\0".encode() + path.read_bytes())
    return found.hexdigest()[:12]


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # noqa: ANN401 -- pytest-xdist has no types
    """Give a worker the tests that passed: one that replaces another must find the same tests."""
    node.workerinput["passed"] = node.config.stash[_RESULTS].passed()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    results = config.stash[_RESULTS]
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    passed = set(worker.get("passed", results.passed()))
    only: str | None = config.getoption("strategy")
    cells: defaultdict[Code, Counter[str]] = defaultdict(Counter)
    for item in items:
        campaign = _campaign(item)
        if campaign is None:
            continue
        names, test = strategies_of(item), item.nodeid
        row = names[0] if len(names) == 1 else SHARED
        # With --strategy, a test of all strategies deploys that one alone.
        if row == SHARED and only in names:
            row, test = str(only), f"{test} with {only}"
        properties = {"campaign": campaign, "strategy": row, "test": test}
        item.user_properties += properties.items()
        cells[_code(test)][_cell(row, campaign)] += 1
    if worker.get("workerid", "gw0") == "gw0":
        results.expect(cells)
    tests = {item: dict(item.user_properties).get("test") for item in items}
    config.hook.pytest_deselected(items=[item for item in items if tests[item] in passed])
    items[:] = [item for item in items if tests[item] not in passed]


def _campaign(item: pytest.Item) -> str | None:
    """Return the campaign of a test, which is empty for a long test of none."""
    if mark := item.get_closest_marker("campaign"):
        (campaign,) = mark.args
        if campaign not in CAMPAIGNS:
            message = f"{item.nodeid}: Unknown campaign {campaign}. Write one of {CAMPAIGNS}."
            raise pytest.UsageError(message)
        return str(campaign)
    return "" if item.get_closest_marker("slow") else None


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    # There is nothing left to run.
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.stash[_RESULTS].by_test:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> CountCases:
    """Report how many cases of its campaign a test went through."""
    node: pytest.Item = request.node
    assert node.get_closest_marker("campaign"), "Only the cases of a campaign are counted."

    def count(number: int) -> None:
        node.user_properties.append(("cases", number))

    return count


def pytest_terminal_summary(
    terminalreporter: TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    results = config.stash[_RESULTS]
    table = _table(list(results.by_test.values()), results.expected)
    if results.by_test:
        terminalreporter.section("campaigns")
        terminalreporter.write(table)
    page: Path | None = config.getoption("write_campaigns")
    # An interrupted run has no result for the tests that it did not reach.
    if page and exitstatus in {
        *(pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    }:
        _write(page, table)


def _table(results: Sequence[Result], expected: Counter[str]) -> str:
    cells: dict[str, list[Result]] = {}
    for result in results:
        cells.setdefault(_cell(result.strategy, result.campaign), []).append(result)
    rows = [
        (row, [_text(cells, expected, _cell(row, campaign)) for campaign in CAMPAIGNS])
        for row in ROWS
    ]
    lines = [
        f"| strategy | {' | '.join(CAMPAIGNS)} |",
        f"|---|{'--:|' * len(CAMPAIGNS)}",
        *(f"| {row} | {' | '.join(texts)} |" for row, texts in rows if {*texts} != {_NO_TESTS}),
    ]
    return "\n".join([*lines, "", *_remarks(results, expected), ""])


_NO_TESTS: Final = "none"


def _text(cells: dict[str, list[Result]], expected: Counter[str], cell: str) -> str:
    results = cells.get(cell, [])
    if not results:
        return "" if expected[cell] else _NO_TESTS
    passed, cases = _cases(one for one in results if one.passed), _cases(results)
    text = f"{cases:,}" if passed == cases else f"{cases:,}, {cases - passed:,} failed"
    missing = expected[cell] - len(results)
    return f"{text}, {missing:,} tests not run" if missing > 0 else text


def _cases(results: Iterable[Result]) -> int:
    return sum(result.cases for result in results)


def _remarks(results: Sequence[Result], expected: Counter[str]) -> list[str]:
    dates = sorted({result.date for result in results})
    missing = max(expected.total() - len(results), 0)
    passed = sum(result.passed for result in results)
    minutes = sum(result.seconds for result in results) / 60
    remarks = [
        f"{passed:,} of {len(results) + missing:,} tests passed, in {minutes:,.0f} minutes.",
        f"Date: {' to '.join(dict.fromkeys([dates[0], dates[-1]])) if dates else 'none'}.",
        f"Seed: {_seed()}. Hash of the tested code: `{_hash(_PRODUCT)}`.",
        f"Hash of the payload, which is all that unit tests depend on: `{_hash(_PAYLOAD)}`.",
    ]
    if missing:
        remarks.append("A cell without a number was not run.")
    if ending := sum(result.ending for result in results):
        remarks += [
            f"{ending:,} cases left a token that its issuer cannot list.",
            "No version of the secret has it, and it expires.",
        ]
    return remarks


def _write(page: Path, table: str) -> None:
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    _replace(page, f"{before}{BEGIN}{table}{END}{after}")


def _replace(file: Path, text: str) -> None:
    """Replace a file at once: a run that is killed meanwhile must not leave half of it."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)
