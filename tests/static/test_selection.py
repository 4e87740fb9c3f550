"""`--strategy NAME` selects the tests of one strategy."""

from pathlib import Path

import pytest

from tests.strategies import REPRESENTATIVE as _STRATEGY

_TESTS = """
import pytest
from tests.strategies import ROTATORS, case

@pytest.mark.parametrize("strategy", [case(one) for one in ROTATORS])
def test_of_a_record(strategy):
    pass

@pytest.mark.parametrize("folder", ["modules/function", "modules/strategies/{name}"])
def test_of_a_folder(folder):
    pass

@pytest.mark.parametrize("folder", ["examples/ci", "examples/{example}"])
def test_of_an_example(folder):
    pass

@pytest.mark.parametrize("subject", ["{name}", "{name}_by_token"])
def test_of_a_name(subject):
    pass

@pytest.mark.strategy()
def test_of_all(rotators):
    assert [one.name for one in rotators] == ["{name}"]

def test_of_none():
    pass
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    roots = [repository, repository / "lambda", repository / "tools" / "conformance"]
    monkeypatch.setenv("PYTHONPATH", ":".join(map(str, roots)))


def _names(pytester: pytest.Pytester, name: str) -> set[str]:
    """Run the tests of a strategy, and return the names of those that passed."""
    folder = pytester.path / "tests" / "unit"
    folder.mkdir(parents=True)
    content = _TESTS.format(name=name, example=name.replace("_", "-"))
    (folder / "test_shared.py").write_text(content)
    (folder / f"test_{name}.py").write_text("def test_of_the_slice():\n    pass\n")
    options = ("-p", "tests.selection", "--import-mode=importlib", "-rA")
    result = pytester.runpytest_subprocess(*options, f"--strategy={name}")
    assert result.ret == pytest.ExitCode.OK
    lines = [line for line in result.outlines if line.startswith("PASSED ")]
    return {line.partition("::")[2] for line in lines}


def test_the_tests_of_one_strategy_are_selected(pytester: pytest.Pytester) -> None:
    assert _names(pytester, _STRATEGY.name) == {
        f"test_of_a_record[{_STRATEGY.name}]",
        f"test_of_a_folder[{_STRATEGY.folders[0]}]",
        f"test_of_an_example[{_STRATEGY.folders[1]}]",
        f"test_of_a_name[{_STRATEGY.name}]",
        "test_of_all",
        "test_of_the_slice",
    }


def test_an_unknown_strategy_is_rejected(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("-p", "tests.selection", "--strategy=github")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"*invalid choice: 'github'*{_STRATEGY.name}*")
