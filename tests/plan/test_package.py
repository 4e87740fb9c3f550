"""Each function gets the package of its own module and strategy."""

import base64
import hashlib
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from testing.local_aws import LocalAws
from tests.plan.conftest import Root
from tests.strategies import REPRESENTATIVE, SIMPLEST

pytestmark = pytest.mark.xdist_group("plan")

_IAM = f"rotation/strategies/{REPRESENTATIVE.name}.py"
_RANDOM = f"rotation/strategies/{SIMPLEST.name}.py"

# Three names of one module with mixed strategies, and a second copy with another payload.
_MANY = """
locals {
  rotations = {
    one   = { random_value = {} }
    two   = { iam_access_key = { user_name = "two" } }
    three = null
  }
}

module "secret" {
  source                  = "./module"
  for_each                = local.rotations
  name                    = each.key
  rotation                = each.value
  recovery_window_in_days = 0
  rotate_immediately      = each.value == null
}

module "other" {
  source                  = "./other"
  for_each                = toset(["four"])
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


# tests/packaging compares each package with its files.
@pytest.mark.slow
def test_many_instances_deploy_the_package_of_their_module_and_strategy(
    aws: LocalAws, copy_module: Callable[[Path], Path], tmp_path: Path
) -> None:
    copy_module(tmp_path / "module")
    other = copy_module(tmp_path / "other")
    with (other / "lambda" / "handler.py").open("a", encoding="utf-8") as handler:
        handler.write('\nANOTHER = "content"\n')
    root = Root(tmp_path, _MANY)
    functions = root.plan().shown["output_changes"]["functions"]["after"]
    built = {}
    for path in (tmp_path / ".terraform" / "rotating-secret").glob("*.zip"):
        with zipfile.ZipFile(path) as package:
            module = "other" if b"ANOTHER" in package.read("handler.py") else "module"
            strategies = {
                name for name in package.namelist() if name.startswith("rotation/strategies/")
            }
        (strategy,) = strategies - {"rotation/strategies/__init__.py"}
        code = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
        built[code] = (module, strategy)
    assert len(built) == 3

    root.run("apply", "saved.tfplan")
    try:
        get = aws.client("lambda").get_function_configuration
        deployed = {
            module: sorted(built[get(FunctionName=name)["CodeSha256"]] for name in names)
            for module, names in functions.items()
        }
        assert deployed == {
            "module": [("module", _IAM), ("module", _RANDOM)],
            "other": [("other", _RANDOM)],
        }
        # A dependency of the modules has a change, so the plan reads no data source.
        (tmp_path / "main.tf").write_text(
            _MANY.replace("  rotate_imm", "  depends_on = [terraform_data.earlier]\n  rotate_imm")
            + 'resource "terraform_data" "earlier" {}\n'
        )
        assert {*root.plan().differences} == {"terraform_data.earlier"}
    finally:
        root.run("destroy", "-auto-approve", "-refresh=false")


def test_the_package_is_in_the_data_directory(
    aws: LocalAws,  # noqa: ARG001 -- its environment
    copy_module: Callable[[Path], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The root module may be read-only. Terraform copies a module from a repository there."""
    module = copy_module(tmp_path / "module")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "--quiet"), ("add", "."), (*author, "commit", "--quiet", "-m", "a")):
        subprocess.run(["git", "-C", module, *command], check=True)
    monkeypatch.setenv("TF_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    calls = {
        name: {"source": source, "name": name, "rotation": {SIMPLEST.name: {}}}
        for name, source in {"installed": f"git::file://{module}", "local": "./module"}.items()
    }
    Root(tmp_path, {"module": calls}).plan()
    assert len([*(tmp_path / "data" / "rotating-secret").glob("*.zip")]) == 1
    assert len([*(tmp_path / "home" / ".terraform.d" / "rotating-secret").glob("*.zip")]) == 1
    assert not (tmp_path / ".terraform").exists()
