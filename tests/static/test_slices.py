"""Only the files of its own slice name a strategy, and a few shared lists of all strategies."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.strategies import ALL, MANAGED, StrategyUnderTest, case

# Each shared file that every strategy adds an entry to, with the reason.
LISTS = {
    "variables.tf": "It has the type of the options, and two rules that name a strategy.",
    "strategies.tf": "It calls the submodule of the chosen strategy.",
    "lambda/rotation/strategies/__init__.py": "REGISTRY has the names that the function accepts.",
}
# Each shared file that names a strategy unlike all others. A new strategy changes none of them.
_EXCEPTIONS = {
    "tools/rotating_secret/rotating_secret/secret.py": "These two have no settings to read.",
    "tools/rotating_secret/rotating_secret/survey.py": "All fields of this one may be secret.",
}
# Each shared file that starts the servers of the strategies, or passes them to the examples.
SERVERS = (
    *("tests/e2e/conftest.py", "tests/e2e/estate.py"),
    *("tests/leaks/conftest.py", "tests/leaks/deployed.py"),
    *("tests/load/account.py", "tests/load/subject.py"),
)
# The pages, and code that calls the module as a user does.
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
    quoted = rf"['\"]{strategy.name}['\"]"
    forms = [
        rf"rotation(\[\*\])?\.{strategy.name}\b",
        rf"module\.{folder}\b",
        rf"strategies[./]{folder}\b",
    ]
    if strategy.name not in _WORDS:
        forms.append(quoted)
    else:
        forms += [
            rf"(rotation|strategy)\W{{1,8}}{quoted}",
            rf"names? (==|!=|in) {quoted}|{quoted} (==|!=|in) names?\b",
            rf"(return|Final =) {quoted}",
        ]
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
    own = (*_slice(strategy), *_EXEMPT, *LISTS, *_EXCEPTIONS, *SERVERS)
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


@pytest.mark.parametrize("path", [*LISTS, *_EXCEPTIONS])
def test_each_listed_file_names_a_strategy(path: str, repository: Path) -> None:
    text = (repository / path).read_text(encoding="utf-8")
    assert any(_form(strategy).search(text) for strategy in ALL)


def test_the_rules_of_the_root_name_one_strategy(repository: Path) -> None:
    """That is the one whose secret has the name of its service. Other rules ask for traits."""
    text = "".join(path.read_text(encoding="utf-8") for path in repository.glob("variables*.tf"))
    found = {one.name for one in ALL if re.search(rf"rotation(\[\*\])?\.{one.name}\b", text)}
    assert found == {MANAGED.name}


def test_each_shared_file_with_servers_is_listed(repository: Path) -> None:
    """Each such file names the servers of all: one name of each is enough to find it."""
    slices = [pattern for strategy in ALL for pattern in _slice(strategy)]
    found = {
        path
        for path in _files(repository)
        if _is_any_of(path, ("tests/e2e/*", "tests/leaks/*", "tests/load/*"))
        and not _is_any_of(path, (*slices, *_EXEMPT))
        for text in [(repository / path).read_text(encoding="utf-8").lower()]
        if all(server in text for server in ("github", "mysql", "redis"))
    }
    assert found == {*SERVERS}


def test_a_file_is_in_one_slice(repository: Path) -> None:
    for path in _files(repository):
        owners = [one.name for one in ALL if _is_any_of(path, _slice(one))]
        assert len(owners) <= 1, path
