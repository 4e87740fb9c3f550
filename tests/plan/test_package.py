"""Each function gets the package of its own module, the same bytes wherever it was made."""

import base64
import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testing.local_aws import LocalAws
from tests.plan.conftest import MakeRoot, Root

pytestmark = pytest.mark.xdist_group("plan")

_ROTATED = """
module "secret" {
  source   = "../module"
  name     = "reports/signing"
  rotation = { random_value = {} }
}
"""


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _copy_backwards(source: Path, destination: Path, mode: int) -> None:
    """Copy in an order of its own, with modes and times of its own."""
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            target = destination / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(mode)
            os.utime(target, (86_400, 86_400))


def _package(folder: Path) -> Path:
    (package,) = (folder / ".terraform" / "rotating-secret").glob("*.zip")
    return package


@pytest.fixture(scope="module")
def package(make_root: MakeRoot) -> Path:
    """The package as it comes of a copy of the checkout."""
    root = make_root(_ROTATED)
    root.plan()
    return _package(root.folder)


def test_the_package_is_the_same_whatever_the_umask_the_folder_and_the_order(
    package: Path, copied_module: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another folder"
    with _umask(0o077):
        for name in ("lambda", "modules"):
            _copy_backwards(copied_module / name, elsewhere / "module" / name, mode=0o640)
        for path in copied_module.glob("*.tf"):
            shutil.copyfile(path, elsewhere / "module" / path.name)
        (elsewhere / "module" / "lambda" / "notes.txt").touch()
        (elsewhere / "root").mkdir()
        Root(elsewhere / "root", _ROTATED).plan()
    other = _package(elsewhere / "root")
    assert other.name == package.name
    assert other.read_bytes() == package.read_bytes()


def test_the_package_holds_each_python_file_of_the_payload_and_nothing_else(
    package: Path, copied_module: Path
) -> None:
    payload = copied_module / "lambda"
    with zipfile.ZipFile(package) as zipped:
        names = zipped.namelist()
        held = {name: zipped.read(name) for name in names}
    assert names == sorted(held)
    assert held == {
        str(path.relative_to(payload)): path.read_bytes() for path in payload.rglob("*.py")
    }


def test_the_package_of_a_rotator_of_ones_own_holds_its_file_too(
    package: Path, make_root: MakeRoot, copied_module: Path
) -> None:
    file = copied_module / "examples" / "custom" / "rotate.py"
    root = make_root(
        {
            "module": {
                "secret": {
                    "source": "../module",
                    "name": "reports/signing",
                    "rotation": {"custom": {"source_file": str(file)}},
                }
            }
        }
    )
    root.plan()
    with zipfile.ZipFile(_package(root.folder)) as own, zipfile.ZipFile(package) as plain:
        beside = {*own.namelist()} - {*plain.namelist()}
        assert {*plain.namelist()} < {*own.namelist()}
        assert {name: own.read(name) for name in beside} == {
            "custom_strategy.py": file.read_bytes()
        }


# Four names of one module, with mixed strategies, beside a second copy with another payload.
_MANY = """
locals {
  rotations = {
    one   = { random_value = {} }
    two   = { iam_access_key = { user_name = "two" } }
    three = { random_value = { json_key = "password" } }
    four  = null
  }
}

module "secret" {
  source                  = "./module"
  for_each                = local.rotations
  name                    = each.key
  rotation                = each.value
  recovery_window_in_days = 0
  rotate_immediately      = false
}

module "other" {
  source                  = "./other"
  for_each                = toset(["five", "six"])
  name                    = each.key
  rotation                = { random_value = {} }
  recovery_window_in_days = 0
  rotate_immediately      = false
}

output "functions" {
  value = {
    module = [for one in module.secret : one.function_name if one.function_name != null]
    other  = [for one in module.other : one.function_name]
  }
}
"""


def test_many_instances_of_two_contents_deploy_each_its_own(
    aws: LocalAws, copy_module: Callable[[Path], Path], tmp_path: Path
) -> None:
    copy_module(tmp_path / "module")
    other = copy_module(tmp_path / "other")
    with (other / "lambda" / "handler.py").open("a", encoding="utf-8") as handler:
        handler.write("\n# Another content.\n")
    root = Root(tmp_path, _MANY)
    functions = root.plan().shown["output_changes"]["functions"]["after"]
    contents = {}
    for path in (tmp_path / ".terraform" / "rotating-secret").glob("*.zip"):
        with zipfile.ZipFile(path) as package:
            name = "other" if b"# Another content." in package.read("handler.py") else "module"
        contents[name] = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
    assert contents["module"] != contents["other"]

    root.run("apply", "saved.tfplan")
    try:
        get = aws.client("lambda").get_function_configuration
        deployed = {
            module: {name: get(FunctionName=name)["CodeSha256"] for name in names}
            for module, names in functions.items()
        }
        assert deployed == {
            module: dict.fromkeys(names, contents[module]) for module, names in functions.items()
        }
        assert {module: len(names) for module, names in deployed.items()} == {
            "module": 3,
            "other": 2,
        }
        assert root.plan().differences == {}
    finally:
        root.run("destroy", "-auto-approve", "-refresh=false")
