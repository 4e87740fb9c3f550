"""The campaigns' table tells the truth, in one process and in several."""

from pathlib import Path

import pytest

from tests.campaigns import BEGIN, END

_TESTS = """
import os
import pytest

@pytest.mark.campaign("Faults")
@pytest.mark.parametrize("number", range(3))
def test_of_one_case(number):
    assert number < {bound}

@pytest.mark.campaign("Load")
def test_of_many_cases(cases):
    cases(400)
    cases(600)
    {trouble}

def test_of_no_campaign():
    pass
"""
_SEVERAL = ("-n2",)


def _run(
    pytester: pytest.Pytester, *options: str, bound: int = 3, trouble: str = ""
) -> pytest.RunResult:
    pytester.makeini("[pytest]\nmarkers =\n    campaign(name): a row\n")
    pytester.makepyfile(_TESTS.format(bound=bound, trouble=trouble))
    return pytester.runpytest("-p", "tests.campaigns", *options)


def _rows(text: str) -> list[str]:
    """All but the seconds, which are the machine's."""
    return [line.rsplit("|", 2)[0] for line in text.splitlines() if line.startswith("| ")]


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("SEED", "77")


@pytest.mark.parametrize(
    "options", [pytest.param((), id="one-process"), pytest.param(_SEVERAL, id="several")]
)
def test_the_table_counts_the_cases_of_each_campaign(
    options: tuple[str, ...], pytester: pytest.Pytester
) -> None:
    result = _run(pytester, *options)
    assert _rows(result.stdout.str()) == [
        "| campaign | cases | passed | seed ",
        "| Faults | 3 | 3 | 77 ",
        "| Load | 1,000 | 1,000 | 77 ",
    ]
    assert " 5 passed in " in result.outlines[-1]


@pytest.mark.parametrize(
    ("options", "trouble"),
    [
        pytest.param((), "raise ValueError", id="failure"),
        pytest.param(_SEVERAL, "raise ValueError", id="failure-among-several"),
        pytest.param(_SEVERAL, "os._exit(1)", id="crash-among-several"),
        pytest.param((), "pytest.skip('tired')", id="skip"),
    ],
)
def test_a_case_that_did_not_pass_is_not_counted_as_passed(
    options: tuple[str, ...], trouble: str, pytester: pytest.Pytester
) -> None:
    result = _run(pytester, *options, bound=2, trouble=trouble)
    (_, faults, load) = _rows(result.stdout.str())
    assert faults == "| Faults | 3 | 2 | 77 "
    assert load.split("|")[3] == " 0 "


def test_a_page_takes_the_table_and_keeps_the_rest(pytester: pytest.Pytester) -> None:
    page = pytester.path / "page.md"
    page.write_text(f"Before.\n\n{BEGIN}Old.\n{END}\nAfter.\n")
    _run(pytester, "--write-campaigns=page.md", bound=1)
    before, _, rest = page.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    assert (before, after) == ("Before.\n\n", "\nAfter.\n")
    assert _rows(table)[1:] == ["| Faults | 3 | 1 | 77 ", "| Load | 1,000 | 1,000 | 77 "]


def test_an_interrupted_run_leaves_the_page(pytester: pytest.Pytester) -> None:
    page = pytester.path / "page.md"
    page.write_text(f"{BEGIN}Old.\n{END}")
    _run(pytester, "--write-campaigns=page.md", trouble="pytest.exit('tired')")
    assert page.read_text() == f"{BEGIN}Old.\n{END}"


def test_a_campaign_that_does_not_exist_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n\n@pytest.mark.campaign('Fautls')\ndef test(): pass\n")
    result = pytester.runpytest("-p", "tests.campaigns")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*Fautls is no campaign; write one of *")


def test_cases_outside_a_campaign_are_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test(cases): cases(1)\n")
    result = pytester.runpytest("-p", "tests.campaigns")
    result.stdout.fnmatch_lines("*Only a campaign's cases are counted.*")
