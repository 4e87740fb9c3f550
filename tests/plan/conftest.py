"""How a plan is made and read: of the variables without a provider, or of the whole module."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from python_terraform import IsFlagged
from python_terraform import Terraform as PythonTerraform

from dev.local_aws import LocalAws, local_aws

# What the validations need of the rest of the module.
_STUB = 'locals {\n  iam_prefix = "arn:aws:iam::123456789012"\n}\n'

Variables = Mapping[str, Any]
Refuse = Callable[[Variables], list[str]]


@pytest.fixture(scope="session")
def refuse(
    repository: Path, terraform_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Refuse:
    """Gives the messages with which variables are refused; none where they are accepted.

    The variables stand alone, so that Terraform starts no provider: a fifth of a second each.
    """
    folder = tmp_path_factory.mktemp("variables")
    for name in ("variables.tf", "strategies.tf"):
        shutil.copy(repository / name, folder)
    (folder / "stub.tf").write_text(_STUB, encoding="utf-8")

    def messages(variables: Variables) -> list[str]:
        (folder / "case.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
        result = subprocess.run(
            ["terraform", "plan", "-json", "-lock=false", "-var-file=case.tfvars.json"],
            check=False,
            cwd=folder,
            capture_output=True,
            env=terraform_env,
            text=True,
        )
        records = [json.loads(line) for line in result.stdout.splitlines()]
        found = [one["diagnostic"] for one in records if "diagnostic" in one]
        assert [one for one in found if one["summary"] != "Invalid value for variable"] == []
        assert result.returncode == bool(found), result.stdout
        return [one["detail"].partition("\n\nThis was checked by")[0] for one in found]

    return messages


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan of the module as the root, as `terraform show -json` tells it."""

    shown: dict[str, Any]
    file: Path
    output: str

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The managed resources that it would create, by address, each with what is known of it."""
        return {
            change["address"]: change["change"]["after"]
            for change in self.shown["resource_changes"]
            if change["mode"] == "managed"
        }

    @property
    def unknown(self) -> dict[str, dict[str, Any]]:
        """What is only known after apply, of the same resources."""
        return {
            change["address"]: change["change"]["after_unknown"]
            for change in self.shown["resource_changes"]
            if change["mode"] == "managed"
        }

    @property
    def outputs(self) -> dict[str, Any]:
        """The outputs that are known."""
        return {
            name: output["value"]
            for name, output in self.shown["planned_values"]["outputs"].items()
            if "value" in output
        }

    def policy(self, address: str) -> list[dict[str, Any]]:
        """The statements of a policy."""
        statements: list[dict[str, Any]] = json.loads(self.resources[address]["policy"])[
            "Statement"
        ]
        return statements


@pytest.fixture(scope="session")
def aws(terraform_env: dict[str, str]) -> Iterator[LocalAws]:
    """The local AWS, with the environment of this process pointing at it."""
    with local_aws() as started, pytest.MonkeyPatch.context() as patch:
        for name, value in {**terraform_env, **started.environment}.items():
            patch.setenv(name, value)
        yield started


class Root:
    """A folder that Terraform was initialised in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._terraform = PythonTerraform(working_dir=str(folder))
        self.run("init")

    def run(self, command: str, *arguments: str, **options: Any) -> str:  # noqa: ANN401 -- Terraform's
        """Run a command, which must not fail."""
        code, output, error = self._terraform.cmd(
            command, *arguments, no_color=IsFlagged, **options
        )
        assert code == 0, f"terraform {command}:\n{output}\n{error}"
        return str(output)

    def plan(self, variables: Variables) -> Plan:
        """Plan with these variables."""
        values = self.folder / "plan.auto.tfvars.json"
        values.write_text(json.dumps(variables), encoding="utf-8")
        file = self.folder / "saved.tfplan"
        output = self.run("plan", lock=False, out=str(file))
        return Plan(
            shown=json.loads(self.run("show", "-json", str(file))), file=file, output=output
        )


@pytest.fixture(scope="session")
def root(
    aws: LocalAws,  # noqa: ARG001 -- its environment
    copy_module: Callable[[Path], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Root:
    """The module itself as the root module, in a copy of the checkout."""
    return Root(copy_module(tmp_path_factory.mktemp("root") / "module"))
