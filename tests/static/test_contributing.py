"""CONTRIBUTING.md describes the files and commands that there are."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.readme.blocks import block
from tests.static.test_slices import LISTS, SERVERS

# The folders whose own folders each have a row.
_DETAILED = ("", "lambda/rotation/", "modules/", "tests/")


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "CONTRIBUTING.md").read_text()


@pytest.fixture(scope="module")
def rows(page: str) -> set[str]:
    """The paths in the table of the layout."""
    layout = page.partition("\n## Layout\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in layout.splitlines() if line.startswith("| ")]
    return {path for cell in cells for path in re.findall(r"`([^`]+)`", cell)}


def test_each_path_of_the_layout_exists(rows: set[str], repository: Path) -> None:
    assert [row for row in rows if not (repository / row).exists()] == []


def test_each_folder_and_file_of_the_root_has_a_row(rows: set[str], repository: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], check=True, capture_output=True, cwd=repository, text=True
    )
    files = [name for name in listed.stdout.split("\0") if (repository / name).is_file()]
    folders = {
        found[0]
        for parent in _DETAILED
        for name in files
        if (found := re.match(rf"{parent}[^/]+/", name))
    }
    assert {
        folder for folder in folders if not any(row.startswith(folder) for row in rows)
    } == set()
    configuration = {name for name in files if re.fullmatch(r"[^/]+[.]tf", name)}
    assert configuration <= rows


def test_the_entries_of_a_strategy_are_in_files_that_exist(page: str, repository: Path) -> None:
    steps = page.partition("\n## Add a strategy\n")[2].partition("\n## ")[0]
    files = re.findall(r"^- `(.+?)`: ", steps, re.MULTILINE)
    assert {*LISTS, *SERVERS} <= {*files}
    assert [path for path in files if not (repository / path).is_file()] == []


def test_each_command_exists(page: str, repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.* ## ", makefile, re.MULTILINE))
    assert {*re.findall(r"`make ([a-z-]+)", page)} <= targets


@pytest.mark.parametrize(
    "shown",
    [block("run", "one-test"), block("run", "tests-of-services")],
    ids=["one-test", "tests-of-services"],
)
def test_each_path_of_a_command_exists(shown: str, repository: Path) -> None:
    commands = re.findall(r"^\$ ([^#]+?) *(?:#.*)?$", shown, re.MULTILINE)
    paths = [
        word
        for one in commands
        for word in one.partition(" -k ")[0].split()
        if "/" in word or word in {"modules", "testing"}
    ]
    assert len(paths) > len(commands)
    assert [path for path in paths if not (repository / path).exists()] == []


def test_the_commands_of_terraform_find_the_provider_and_the_tests(repository: Path) -> None:
    shown = block("run", "native-tests")
    (file,) = re.findall(r'export TF_CLI_CONFIG_FILE="\$PWD/(.+)"', shown)
    assert f"\nPROVIDERS := {file}\n" in (repository / "Makefile").read_text()
    folders = {*re.findall(r"-chdir=(\S+)", shown)}
    (tests,) = re.findall(r"-filter=(\S+)", shown)
    assert [folder for folder in folders if not (repository / folder / tests).is_file()] == []


def test_each_command_for_one_test_selects_a_test(repository: Path) -> None:
    commands = re.findall(r"pytest (\S+) -k (\S+)", block("run", "one-test"))
    assert commands
    files, words = zip(*commands, strict=True)
    found = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n0", "--collect-only", "-q"),
            *(*dict.fromkeys(files), "-k", " or ".join(words)),
        ],
        check=False,
        cwd=repository,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.splitlines()
    for file, word in commands:
        assert any(test.startswith(f"{file}::") and word in test for test in found), word


def test_each_path_that_make_check_runs_exists(repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    paths = re.findall(r"\btests/[\w/.]+", makefile)
    assert paths
    assert [path for path in paths if not (repository / path).exists()] == []
