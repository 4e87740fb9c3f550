"""The package that Terraform builds is whole, on every Python.

The local AWS runs a function among its own packages and would not notice a missing one.
"""

import os
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rotation.strategies import REGISTRY
from tests.conftest import Terraform

pytestmark = pytest.mark.xdist_group("package")

_PROBE = Path(__file__).with_name("probe.py")
_OLDEST = 11


def _folders() -> Iterator[Path]:
    """Name where interpreters lie: the PATH, version managers' folders, the usual prefixes."""
    yield from map(Path, os.get_exec_path())
    yield from Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin")
    yield from Path.home().glob(".local/share/uv/python/*/bin")
    yield from (Path("/usr/bin"), Path("/usr/local/bin"), *Path("/opt").glob("*/bin"))


def _interpreters() -> dict[str, Path]:
    """Find one interpreter per minor version from 3.11 that answers with that version."""
    found: dict[str, Path] = {}
    for path in (path for folder in _folders() for path in sorted(folder.glob("python3.*"))):
        minor = path.name.removeprefix("python3.")
        if not minor.isdigit() or int(minor) < _OLDEST or path.name in found:
            continue
        # A version manager's stand-in refuses where its version is not selected.
        answer = subprocess.run([path, "--version"], check=False, capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.startswith(f"Python 3.{minor}."):
            found[path.name] = path
    return dict(sorted(found.items()))


_INTERPRETERS = _interpreters()


# Mocked, because where the package comes from needs no account; archive_file is the real one.
_BUILD = """
mock_provider "aws" {}

run "package" {
  command = plan

  variables {
    name                = "package"
    rotation            = { random_value = {} }
    schedule_expression = "rate(30 days)"
  }

  plan_options {
    target = [module.function[0].data.archive_file.this]
  }
}
"""


@pytest.fixture(scope="module")
def package(
    copy_module: Callable[[Path], Path],
    terraform: Terraform,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The package as Lambda unpacks it."""
    module = copy_module(tmp_path_factory.mktemp("package") / "module")
    (module / "build").mkdir()
    (module / "build" / "package.tftest.hcl").write_text(_BUILD, encoding="utf-8")
    terraform(module, "init", "-backend=false", "-test-directory=build")
    terraform(module, "test", "-test-directory=build")
    (built,) = (module / ".terraform" / "rotating-secret").glob("*.zip")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(module / "task")
    return module / "task"


def test_the_machine_has_an_interpreter_to_try() -> None:
    assert _INTERPRETERS


@pytest.mark.parametrize("strategy", REGISTRY)
@pytest.mark.parametrize("interpreter", _INTERPRETERS)
def test_the_package_imports_beside_the_runtimes_libraries_alone(
    interpreter: str, strategy: str, package: Path, cache: Path
) -> None:
    # Isolated and without site-packages: nothing but its standard library, and what it is given.
    result = subprocess.run(
        [
            *(_INTERPRETERS[interpreter], "-I", "-S", "-B"),
            *(_PROBE, package, cache / "lambda", strategy),
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
