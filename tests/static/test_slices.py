"""Only the files of its own slice name a strategy, and a few shared lists of all strategies."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.strategies import ALL, StrategyUnderTest, case

# Each shared file that names strategies, with the reason.
LISTS = {
    "strategies.tf": "It calls the submodule of the chosen strategy.",
    "lambda/rotation/strategies/__init__.py": "REGISTRY has the names that the function accepts.",
}
# Pages may name any strategy. So may examples and the demo, which are a user's code, and the bench.
_EXEMPT = (
    *("*.md", "examples/*", "dev/demo/*", "bench/*"),
    "tests/readme/*",  # They run the pages.
    "tests/upgrade/*",  # They apply an older release.
)
# Ordinary words, which are not always the name of a strategy.
_WORDS = {"custom", "function", "managed", "mysql", "postgres"}


def _slice(strategy: StrategyUnderTest) -> tuple[str, ...]:
    module, _ = strategy.folders
    return (
        f"{module}/*",
        f"lambda/rotation/strategies/{strategy.name}.py",
        f"tests/{strategy.name}*.tftest.hcl",
        f"tests/strategies/{strategy.name}.py",
        f"tests/*/test_{strategy.name}*.py",
        *strategy.files,
    )


def _form(strategy: StrategyUnderTest) -> re.Pattern[str]:
    """Match a name as code writes it."""
    folder = strategy.folders[0].rpartition("/")[2]
    forms = [rf"rotation\.{strategy.name}\b", rf"module\.{folder}\b", rf"strategies[./]{folder}\b"]
    if strategy.name not in _WORDS:
        forms.append(rf"(['\"]){strategy.name}\1")
    return re.compile("|".join(forms))


def _files(repository: Path) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [path for path in listed.stdout.splitlines() if (repository / path).is_file()]


def _is_any_of(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)


@pytest.mark.parametrize("strategy", [case(one) for one in ALL])
def test_only_its_own_slice_names_a_strategy(strategy: StrategyUnderTest, repository: Path) -> None:
    own = (*_slice(strategy), *_EXEMPT, *LISTS)
    form = _form(strategy)
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in _files(repository)
        if not _is_any_of(path, own)
        for number, line in enumerate(
            (repository / path).read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if form.search(line)
    ]
    assert found == []


def test_each_list_names_a_strategy(repository: Path) -> None:
    for path in LISTS:
        text = (repository / path).read_text(encoding="utf-8")
        assert any(_form(strategy).search(text) for strategy in ALL), path
