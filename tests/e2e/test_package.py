"""Each function runs the package of its own copy of the module."""

import base64
import hashlib
import shutil
import zipfile
from pathlib import Path

from dev.demo.account import Aws, Secret, inventory
from dev.demo.terraform import Terraform

_ROOT = """
locals {
  keys = {
    for name, user in aws_iam_user.this : name => { user_name = user.name, settling_seconds = 0 }
  }
  rotations = {
    fixed   = null
    key-one = { iam_access_key = local.keys["key-one"] }
    key-two = { iam_access_key = local.keys["key-two"] }
    long    = { random_value = { length = 64 } }
    short   = { random_value = { length = 16 } }
    wrapped = { random_value = { json_key = "password" } }
  }
}

resource "aws_iam_user" "this" {
  for_each = toset(["key-one", "key-two"])

  name          = each.key
  force_destroy = true
}

module "original" {
  source   = "./original"
  for_each = local.rotations

  name                    = "original/${each.key}"
  rotation                = each.value
  recovery_window_in_days = 0
}

module "changed" {
  source = "./changed"

  name                    = "changed"
  rotation                = { random_value = {} }
  recovery_window_in_days = 0
}

output "originals" {
  value = { for name, module in module.original : module.secret_arn => module.function_name }
}

output "changed" {
  value = { (module.changed.secret_arn) = module.changed.function_name }
}
"""
_MARK = "# Changed."


def _packages(root: Path) -> dict[bool, str]:
    """The hash of each archive that was made, by whether it holds the changed handler."""
    hashes = {}
    for path in (root / ".terraform" / "rotating-secret").glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            changed = _MARK in archive.read("handler.py").decode()
        hashes[changed] = base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
    return hashes


def test_every_instance_of_two_copies_deploys_its_own_package(aws: Aws, module: Path) -> None:
    root = module / "root"
    for copy in (root / "original", root / "changed"):
        copy.mkdir(parents=True)
        for part in ("lambda", "modules"):
            shutil.copytree(module / part, copy / part)
        for file in module.glob("*.tf"):
            shutil.copy(file, copy)
    with (root / "changed" / "lambda" / "handler.py").open("a") as handler:
        handler.write(_MARK)
    (root / "main.tf").write_text(_ROOT)
    before = inventory(aws)
    terraform = Terraform(module, root.name, aws.environment, {})
    terraform.init()
    try:
        terraform.apply()
        outputs, packages = terraform.outputs(), _packages(root)
        expected = dict.fromkeys(outputs["originals"].values(), packages[False])
        expected |= dict.fromkeys(outputs["changed"].values(), packages[True])
        del expected[None]  # The fixed one has no function.
        assert len(expected) == 6
        assert len(set(expected.values())) == 2
        deployed = {
            one["FunctionName"]: one["CodeSha256"]
            for one in aws.client("lambda").list_functions()["Functions"]
        }
        assert {name: deployed.get(name) for name in expected} == expected

        rotated = outputs["originals"] | outputs["changed"]
        for secret_arn in (arn for arn, function in rotated.items() if function):
            Secret(aws, secret_arn).wait_for_a_value()
        terraform.require_empty_plan()
    finally:
        terraform.destroy()
    assert inventory(aws) == before
