"""The table of the campaigns is right, in one process and in several, after one run or more."""

import re
from pathlib import Path

import pytest

from tests.campaigns import BEGIN, END
from tests.strategies import REPRESENTATIVE, SIMPLEST

_TESTS = """
import os
import pytest
from tests.strategies import REPRESENTATIVE, SIMPLEST

@pytest.mark.campaign("Faults")
@pytest.mark.parametrize("number", range(3))
@pytest.mark.strategy(REPRESENTATIVE.name)
def test_of_one_case(number):
    assert number < {bound}

@pytest.mark.campaign("Load")
@pytest.mark.strategy
def test_of_many_cases(cases):
    cases(400)
    cases(600)
    {trouble}

@pytest.mark.campaign("Leaks")
@pytest.mark.strategy(SIMPLEST.name)
def test_of_another_strategy():
    pass

def test_of_no_campaign():
    pass
"""
_OF_LEAKS = """
import pytest

@pytest.mark.campaign("Leaks")
def test_of_one_case():
    pass
"""
_PLUGINS = ("-p", "tests.selection", "-p", "tests.campaigns")
_SEVERAL = ("-p", "xdist", "-n2")


def _run(
    pytester: pytest.Pytester, *options: str, bound: int = 3, trouble: str = ""
) -> pytest.RunResult:
    pytester.makeini("[pytest]\nmarkers =\n    campaign(name): a column\n")
    pytester.makepyfile(_TESTS.format(bound=bound, trouble=trouble))
    return pytester.runpytest(*_PLUGINS, *options)


def _rows(text: str) -> dict[str, dict[str, str]]:
    """Read the table: the cells that have tests, by strategy and campaign."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {
        row[0]: {name: cell for name, cell in zip(head, row, strict=True) if cell != "none"}
        for row in rows
    }


def _cells(text: str) -> set[tuple[str, ...]]:
    """Read the cells that have tests."""
    return {
        (strategy, campaign, cell)
        for strategy, row in _rows(text).items()
        for campaign, cell in row.items()
        if campaign != "strategy"
    }


_WHOLE = {
    (REPRESENTATIVE.name, "Faults", "3"),
    (SIMPLEST.name, "Leaks", "1"),
    ("tests of several", "Load", "1,000"),
}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{repository}:{repository / 'lambda'}")
    monkeypatch.setenv("SEED", "77")
    # A worker needs no other plugin.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.mark.parametrize(
    "options", [pytest.param((), id="one-process"), pytest.param(_SEVERAL, id="several")]
)
def test_the_table_counts_the_cases_of_each_campaign(
    options: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    result = _run(pytester, *options)
    assert _cells(result.stdout.str()) == _WHOLE
    assert " 6 passed in " in result.outlines[-1]


@pytest.mark.parametrize(
    ("options", "trouble"),
    [
        pytest.param((), "raise ValueError", id="failure"),
        pytest.param(
            _SEVERAL, "raise ValueError", id="failure-among-several", marks=pytest.mark.slow
        ),
        pytest.param(_SEVERAL, "os._exit(1)", id="crash-among-several"),
        pytest.param((), "pytest.skip('tired')", id="skip"),
    ],
)
def test_a_case_that_did_not_pass_is_not_counted_as_passed(
    options: tuple[str, ...], trouble: str, pytester: pytest.Pytester
) -> None:
    result = _run(pytester, *options, bound=2, trouble=trouble)
    cells = _cells(result.stdout.str())
    assert (REPRESENTATIVE.name, "Faults", "3, 1 failed") in cells
    assert next(cell[2] for cell in cells if cell[1] == "Load").endswith(" failed")


def test_a_page_takes_the_table_and_keeps_the_rest(pytester: pytest.Pytester) -> None:
    page = pytester.path / "page.md"
    page.write_text(f"Before.\n\n{BEGIN}Old.\n{END}\nAfter.\n")
    _run(pytester, "--write-campaigns=page.md")
    before, _, rest = page.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    assert (before, after) == ("Before.\n\n", "\nAfter.\n")
    assert _cells(table) == _WHOLE
    assert "5 of 5 tests passed, in 0 minutes." in table
    assert re.search(r"^Date: 20\d\d-\d\d-\d\d[.]$", table, re.MULTILINE)
    assert "Seed: 77." in table


def test_an_interrupted_run_leaves_the_page(pytester: pytest.Pytester) -> None:
    page = pytester.path / "page.md"
    page.write_text(f"{BEGIN}Old.\n{END}")
    _run(pytester, "--write-campaigns=page.md", trouble="pytest.exit('tired')")
    assert page.read_text() == f"{BEGIN}Old.\n{END}"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="one-process"),
        pytest.param(_SEVERAL, id="several", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_with_what_has_not_passed(
    options: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    interrupted = _run(pytester, "--record=kept", trouble="pytest.exit('tired')")
    assert _cells(interrupted.stdout.str()) == {
        (REPRESENTATIVE.name, "Faults", "3"),
        (SIMPLEST.name, "Leaks", ""),
        ("tests of several", "Load", ""),
    }
    assert "A cell without a number was not run." in interrupted.stdout.str()
    failed = _run(pytester, "--record=kept", *options, trouble="raise ValueError")
    assert ("tests of several", "Load", "1,000, 1,000 failed") in _cells(failed.stdout.str())
    assert " 1 failed, 2 passed" in failed.outlines[-1]
    passed = _run(pytester, "--record=kept", *options)
    assert " 2 passed" in passed.outlines[-1]
    assert _cells(passed.stdout.str()) == _WHOLE
    nothing_left = _run(pytester, "--record=kept", "-m", "campaign", *options)
    assert nothing_left.ret == pytest.ExitCode.OK
    assert _cells(nothing_left.stdout.str()) == _WHOLE


def test_another_seed_starts_again(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(pytester, "--record=kept")
    monkeypatch.setenv("SEED", "78")
    assert " 6 passed" in _run(pytester, "--record=kept").outlines[-1]


def test_a_change_outside_the_payload_runs_only_tests_that_deploy_again(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = pytester.mkdir("product")
    (product / "lambda").mkdir()
    monkeypatch.setattr("tests.campaigns._REPOSITORY", product)
    for name in ("unit", "leaks"):
        folder = pytester.path / "tests" / name
        folder.mkdir(parents=True)
        (folder / f"test_{name}.py").write_text(_OF_LEAKS)

    def passed(changed: str) -> int:
        with (product / changed).open("a") as file:
            file.write("# A line.")
        result = pytester.runpytest(*_PLUGINS, "--record=kept", "--import-mode=importlib")
        assert ("tests of several", "Leaks", "2") in _cells(result.stdout.str())
        return result.parseoutcomes().get("passed", 0)

    assert passed("main.tf") == 2
    assert passed("main.tf") == 1
    assert passed("lambda/handler.py") == 2
    assert passed("README.md") == 0


def test_one_strategy_is_run_at_a_time(pytester: pytest.Pytester) -> None:
    first = _run(pytester, "--record=kept", f"--strategy={SIMPLEST.name}")
    assert _cells(first.stdout.str()) == {
        (REPRESENTATIVE.name, "Faults", ""),
        (SIMPLEST.name, "Leaks", "1"),
        (SIMPLEST.name, "Load", "1,000"),
    }
    second = _run(pytester, "--record=kept", "--strategy=iam_access_key")
    assert _cells(second.stdout.str()) == {
        (REPRESENTATIVE.name, "Faults", "3"),
        (REPRESENTATIVE.name, "Load", "1,000"),
        (SIMPLEST.name, "Leaks", "1"),
        (SIMPLEST.name, "Load", "1,000"),
    }


def test_an_unknown_campaign_is_rejected(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n\n@pytest.mark.campaign('Fautls')\ndef test(): pass\n")
    result = pytester.runpytest(*_PLUGINS)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*Unknown campaign Fautls. Write one of *")


def test_cases_outside_a_campaign_are_rejected(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test(cases): cases(1)\n")
    result = pytester.runpytest(*_PLUGINS)
    result.stdout.fnmatch_lines("*Only the cases of a campaign are counted.*")
