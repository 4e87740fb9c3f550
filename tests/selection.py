"""`--strategy NAME` runs only the tests of one strategy, and deploys nothing for the others.

A test belongs to a strategy if one of these holds:

- It has the mark `strategy(NAME)`; `tests.strategies.case` adds it to parameters. With the mark
  `strategy()` it belongs to every strategy.
- Its file is `tests/*/test_NAME*.py`.
- One of its parameters is NAME, or a path in `modules/strategies/NAME` or `examples/NAME`.
"""

import functools
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.strategies import ALL, ROTATORS, SAMPLE, RotatorUnderTest

Rotators = Sequence[RotatorUnderTest]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strategy",
        choices=[strategy.name for strategy in ALL],
        help="run only the tests of this strategy",
    )


def pytest_configure(config: pytest.Config) -> None:
    mark = "strategy(*names): what --strategy selects; without a name, the test is of every one"
    config.addinivalue_line("markers", mark)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    name: str | None = config.getoption("strategy")
    if name:
        selected = {item: name in strategies_of(item) for item in items}
        config.hook.pytest_deselected(items=[item for item in items if not selected[item]])
        items[:] = [item for item in items if selected[item]]


def strategies_of(item: pytest.Item) -> list[str]:
    """Name the strategies that a test belongs to."""
    marks = [mark.args for mark in item.iter_markers("strategy")]
    callspec = getattr(item, "callspec", None)
    values = [
        str(value)
        for value in (callspec.params.values() if callspec else ())
        if isinstance(value, str | Path)
    ]
    of_file = _strategies_of_file(item.nodeid.partition("::")[0])
    return [
        strategy.name
        for strategy in ALL
        if strategy.name in of_file
        or any(strategy.name in names or not names for names in marks)
        or strategy.name in values
        or any(f"{folder}/" in f"{value}/" for folder in strategy.folders for value in values)
    ]


@functools.cache
def _strategies_of_file(path: str) -> list[str]:
    return [one.name for one in ALL if fnmatch(path, f"tests/*/test_{one.name}*.py")]


@pytest.fixture(scope="session")
def rotators(pytestconfig: pytest.Config) -> Rotators:
    """The strategies to deploy: the one that `--strategy` names, or all."""
    name: str | None = pytestconfig.getoption("strategy")
    return [strategy for strategy in ROTATORS if name in {None, strategy.name}]


@pytest.fixture(scope="session")
def runs_slow(request: pytest.FixtureRequest) -> bool:
    """Whether any of the tests is slow."""
    return any(item.get_closest_marker("slow") for item in request.session.items)


@pytest.fixture(scope="session")
def sample(rotators: Rotators, *, runs_slow: bool) -> Rotators:
    """The strategies for one deployment that many tests share: without slow tests, a few.

    `--strategy` chooses its own.
    """
    chosen = [] if runs_slow else [one for one in rotators if one in SAMPLE]
    return chosen or rotators
