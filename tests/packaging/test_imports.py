"""Each package that Terraform builds is complete, on every Python.

The local AWS runs a function with its own packages, so it would not notice a missing one.
"""

import json
import os
import subprocess
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.packaging.conftest import WATCHER, unused_core
from tests.strategies import ROTATORS

pytestmark = pytest.mark.xdist_group("package")

_PROBE = Path(__file__).with_name("probe.py")
_OLDEST = 11


def _folders() -> Iterator[Path]:
    """Name folders with interpreters: the PATH, version managers' folders, the usual prefixes."""
    # A version manager's shims only lead to the interpreters in the next folders.
    yield from (Path(folder) for folder in os.get_exec_path() if Path(folder).name != "shims")
    yield from Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin")
    yield from Path.home().glob(".local/share/uv/python/*/bin")
    yield from (Path("/usr/bin"), Path("/usr/local/bin"), *Path("/opt").glob("*/bin"))


def _interpreters() -> dict[str, Path]:
    """Find one interpreter per minor version from 3.11 that reports that version."""
    found: dict[str, Path] = {}
    for path in (path for folder in _folders() for path in sorted(folder.glob("python3.*"))):
        minor = path.name.removeprefix("python3.")
        if not minor.isdigit() or int(minor) < _OLDEST or path.name in found:
            continue
        answer = subprocess.run([path, "--version"], check=False, capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.startswith(f"Python 3.{minor}."):
            found[path.name] = path
    return dict(sorted(found.items()))


_INTERPRETERS = _interpreters()


@pytest.fixture(scope="module")
def tasks(packages: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each package as Lambda unpacks it, in a folder with the name of its strategy."""
    folder = tmp_path_factory.mktemp("tasks")
    for strategy, package in packages.items():
        with zipfile.ZipFile(package) as archive:
            archive.extractall(folder / strategy)
    return folder


def test_the_machine_has_an_interpreter_to_try() -> None:
    assert _INTERPRETERS


@pytest.fixture(scope="module", params=_INTERPRETERS)
def probe(
    request: pytest.FixtureRequest, tasks: Path, cache: Path
) -> subprocess.CompletedProcess[str]:
    """The exit code of each package on one interpreter, and the errors."""
    unused = {one.name: [f"rotation.{name}" for name in unused_core(one)] for one in ROTATORS}
    unused[WATCHER] = []
    # Isolated and without site-packages: only its standard library and the given folders.
    return subprocess.run(
        [
            *(_INTERPRETERS[request.param], "-I", "-S", "-B"),
            *(_PROBE, tasks, cache / "lambda", json.dumps(unused)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", [*(one.name for one in ROTATORS), WATCHER])
def test_the_package_imports_with_only_the_libraries_of_the_runtime(
    name: str, probe: subprocess.CompletedProcess[str]
) -> None:
    assert probe.returncode == 0, probe.stderr
    assert json.loads(probe.stdout)[name] == 0, probe.stderr
