"""Makes and reads plans: of the variables without a provider, or of the whole module."""

import itertools
import json
import os
import shutil
import subprocess
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from python_terraform import IsFlagged
from python_terraform import Terraform as PythonTerraform

from testing.harness.provider import AwsProvider
from testing.harness.terraform import instance_outputs, instances
from testing.local_aws import LocalAws, local_aws
from tests.strategies import ROTATORS

# The locals of other files that the validations read.
STUB = """
locals {
  account = {
    dns_suffix = "amazonaws.com"
    id         = "123456789012"
    partition  = "aws"
    region     = "eu-west-1"

    secrets_manager_hosts = ["secretsmanager.eu-west-1.amazonaws.com"]
  }
}
"""

# A rule of a variable, or of an output: it needs what is computed from the variable.
_RULES = {"Invalid value for variable", "Module output value precondition failed"}

VPC = {
    "security_group_ids": ["sg-0123456789abcdef0"],
    "subnet_ids": ["subnet-0123456789abcdef0"],
}

INVENTORIES = sorted((Path(__file__).parent / "inventories").glob("*.yaml"))
_KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"

Variables = Mapping[str, Any]
Refuse = Callable[[Variables], list[str]]


def copy_variables(repository: Path, folder: Path) -> None:
    """Copy what has no resource, so that Terraform starts no provider."""
    for file in (repository / "rules.tf", repository / "strategies.tf"):
        shutil.copy(file, folder)
    for file in repository.glob("variables*.tf"):
        shutil.copy(file, folder)
    for name in ("aws_rules", "database_password", "schedule_expression", "strategies"):
        shutil.copytree(repository / "modules" / name, folder / "modules" / name)
    (folder / "stub.tf").write_text(STUB, encoding="utf-8")


PlanOutput = Callable[[Variables], str]


@pytest.fixture(scope="session")
def plan_output(
    repository: Path, terraform_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> PlanOutput:
    """Returns everything that Terraform prints about variables, in JSON.

    Terraform starts no provider: a fifth of a second each.
    """
    folder = tmp_path_factory.mktemp("variables")
    copy_variables(repository, folder)
    subprocess.run(
        ["terraform", "init"], check=True, cwd=folder, env=terraform_env, capture_output=True
    )

    def output(variables: Variables) -> str:
        (folder / "case.tfvars.json").write_text(json.dumps(variables), encoding="utf-8")
        return _plan_in_json(folder, terraform_env, "-var-file=case.tfvars.json")

    return output


@pytest.fixture(scope="session")
def refuse(plan_output: PlanOutput) -> Refuse:
    """Returns the messages that refuse the variables, without the secret's name, which each has."""

    def messages(variables: Variables) -> list[str]:
        prefix = f"Secret {variables.get('name') or 'without a name'}: "
        found = _rule_messages(plan_output(variables))
        assert [message for message in found if not message.startswith(prefix)] == []
        return [message.removeprefix(prefix) for message in found]

    return messages


def call_of_each(cases: Mapping[str, Variables], *, source: str) -> dict[str, Any]:
    """Return a root module with an instance of a module for each case, in Terraform's JSON.

    One call with instances is faster than many calls. A null variable has its default; the name of
    an instance is that of its case.
    """
    # A value is a text, and no template.
    text = json.dumps(cases).replace("${", "$${").replace("%{", "%%{")
    root = instances(json.loads(text), source=source)
    root["module"]["instances"].setdefault("name", "${each.key}")
    return root


RefuseEach = Callable[[Mapping[str, Variables]], dict[str, list[str]]]


@pytest.fixture(scope="session")
def refuse_each(
    repository: Path, terraform_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> RefuseEach:
    """Returns the same for many instances of the module in one plan, by the names of their secrets.

    Each message names its secret: without that, neither this fixture nor a user could
    distinguish the instances.
    """

    def plan(cases: Mapping[str, Variables]) -> dict[str, list[str]]:
        folder = tmp_path_factory.mktemp("instances")
        (folder / "variables").mkdir()
        copy_variables(repository, folder / "variables")
        configuration = call_of_each(cases, source="./variables")
        (folder / "main.tf.json").write_text(json.dumps(configuration), encoding="utf-8")
        subprocess.run(
            ["terraform", "init"], check=True, cwd=folder, env=terraform_env, capture_output=True
        )
        found: dict[str, list[str]] = {name: [] for name in cases}
        for message in _rule_messages(_plan_in_json(folder, terraform_env)):
            secret, _, rule = message.removeprefix("Secret ").partition(": ")
            found[secret].append(rule)
        return found

    def messages(cases: Mapping[str, Variables]) -> dict[str, list[str]]:
        found = plan(cases)
        # A rule that one instance breaks hides what depends on its variable, in all instances.
        if any(found.values()) and not all(found.values()):
            found |= messages({name: cases[name] for name in cases if not found[name]})
        return found

    return messages


@pytest.fixture(scope="session")
def refuse_all(refuse: Refuse, refuse_each: RefuseEach) -> RefuseEach:
    """Returns the same by the names of the cases.

    A case of another secret than "secret" takes a plan of its own.
    """

    def messages(cases: Mapping[str, Variables]) -> dict[str, list[str]]:
        others = {
            name: variables
            for name, variables in cases.items()
            if variables.get("name", "secret") != "secret"
        }
        secrets = {f"secret-{number}": name for number, name in enumerate(cases.keys() - others)}
        found = refuse_each(
            {secret: {**cases[name], "name": secret} for secret, name in secrets.items()}
        )
        return {
            **{name: found[secret] for secret, name in secrets.items()},
            **{name: refuse(variables) for name, variables in others.items()},
        }

    return messages


def _plan_in_json(folder: Path, env: Mapping[str, str], *arguments: str) -> str:
    return subprocess.run(
        ["terraform", "plan", "-json", "-lock=false", *arguments],
        check=False,
        cwd=folder,
        stdout=subprocess.PIPE,
        env=env,
        text=True,
    ).stdout


def _rule_messages(output: str) -> list[str]:
    """Return the messages of rules; there must be no other error, and a plan without one."""
    records = [json.loads(line) for line in output.splitlines()]
    found = [one["diagnostic"] for one in records if "diagnostic" in one]
    assert [one for one in found if one["summary"] not in _RULES] == []
    assert found or any(one["type"] == "change_summary" for one in records), output
    return [one["detail"].partition("\n\nThis was checked by")[0] for one in found]


@dataclass(frozen=True, kw_only=True)
class Instance:
    """The planned resources and outputs of one instance of the module."""

    resources: dict[str, dict[str, Any]]
    """The known attributes of each managed resource, by its address in the module."""
    unknown: dict[str, dict[str, Any]]
    """The attributes that are known after apply, by the same address."""
    counts: dict[str, int]
    """How many managed resources of each type there are."""
    outputs: dict[str, Any]
    """The outputs that are known."""

    def statements(self, address: str) -> list[dict[str, Any]]:
        """The statements of a policy."""
        policy = json.loads(self.resources[address]["policy"])
        statements: list[dict[str, Any]] = policy["Statement"]
        return statements


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A saved plan, as `terraform show -json` shows it."""

    shown: dict[str, Any]
    file: Path
    output: str

    @property
    def differences(self) -> dict[str, dict[str, tuple[object, object]]]:
        """The attributes of each managed resource that the plan changes: found and planned."""
        changes = {one["address"]: one["change"] for one in self.shown.get("resource_changes", [])}
        return {
            address: {
                name: ((change["before"] or {}).get(name), value)
                for name, value in (change["after"] or {}).items()
                if (change["before"] or {}).get(name) != value
            }
            for address, change in changes.items()
            if change["actions"] not in (["no-op"], ["read"])
        }

    def instance(self, name: str) -> Instance:
        """Return what the plan shows of the module call with this name."""
        prefix = next(
            prefix
            for prefix in (f'module.instances["{name}"].', f"module.{name}.")
            if any(one["address"].startswith(prefix) for one in self.shown["resource_changes"])
        )
        changes = {
            one["address"].removeprefix(prefix): one
            for one in self.shown["resource_changes"]
            if one["mode"] == "managed" and one["address"].startswith(prefix)
        }
        outputs = self.shown["output_changes"][name]["after"]
        return Instance(
            resources={address: one["change"]["after"] for address, one in changes.items()},
            unknown={address: one["change"]["after_unknown"] for address, one in changes.items()},
            counts=dict(Counter(one["type"] for one in changes.values())),
            outputs={key: value for key, value in outputs.items() if value is not None},
        )


@pytest.fixture(scope="session")
def aws(terraform_env: dict[str, str]) -> Iterator[LocalAws]:
    """The local AWS, to which the environment of this process points."""
    with local_aws() as started, pytest.MonkeyPatch.context() as patch:
        for name, value in terraform_env.items():
            patch.setenv(name, value)
        # Settings of the developer.
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in started.environment.items():
            patch.setenv(name, value)
        yield started


class Root:
    """A folder with a root module, in which Terraform is initialised."""

    def __init__(self, folder: Path, configuration: str | Mapping[str, Any]) -> None:
        self.folder = folder
        if isinstance(configuration, str):
            (folder / "main.tf").write_text(configuration, encoding="utf-8")
        else:
            content = json.dumps(configuration)
            (folder / "main.tf.json").write_text(content, encoding="utf-8")
        self._terraform = PythonTerraform(working_dir=str(folder))
        self._environment: Mapping[str, str] = {}
        self.run("init")
        # With two configurations of the provider, Terraform has to start each itself.
        if "alias" not in configuration:
            provider = AwsProvider(folder, os.environ)
            weakref.finalize(self, provider.close)
            self._environment = provider.environment

    def run(self, command: str, *arguments: str, **options: Any) -> str:  # noqa: ANN401 -- Terraform's
        """Run a command, which must not fail."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self._environment.items():
                patch.setenv(name, value)
            code, output, error = self._terraform.cmd(
                command, *arguments, no_color=IsFlagged, **options
            )
        assert code == 0, f"terraform {command}:\n{output}\n{error}"
        return str(output)

    def plan(self) -> Plan:
        """Plan, and read the plan."""
        file = self.folder / "saved.tfplan"
        output = self.run("plan", out=str(file))
        return Plan(
            shown=json.loads(self.run("show", "-json", str(file))), file=file, output=output
        )


@pytest.fixture(scope="session")
def copied_module(
    copy_module: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy of the checkout, so that an edit during the tests changes nothing."""
    return copy_module(tmp_path_factory.mktemp("roots") / "module")


@pytest.fixture(scope="session")
def make_root(
    aws: LocalAws,  # noqa: ARG001 -- its environment
    copied_module: Path,
) -> Callable[[str | Mapping[str, Any]], Root]:
    """Makes a root module next to the copy, which it calls as `../module`."""
    numbers = itertools.count()

    def make(configuration: str | Mapping[str, Any]) -> Root:
        folder = copied_module.parent / f"root-{next(numbers)}"
        folder.mkdir()
        return Root(folder, configuration)

    return make


MakeRoot = Callable[[str | Mapping[str, Any]], Root]


@pytest.fixture(scope="session")
def plan_all(make_root: MakeRoot) -> Callable[[Mapping[str, Variables]], Plan]:
    """Plans several instances of the module at once, which takes as long as one."""

    def plan(calls: Mapping[str, Variables]) -> Plan:
        root = instances(calls, source="../module")
        return make_root({**root, "output": instance_outputs(calls)}).plan()

    return plan


PlanAll = Callable[[Mapping[str, Variables]], Plan]


def inventory(path: Path) -> dict[str, Any]:
    """Read an inventory."""
    read: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


@pytest.fixture(scope="session")
def inventories_plan(plan_all: PlanAll) -> Plan:
    """The instances of all inventories."""
    return plan_all({path.stem: inventory(path)["variables"] for path in INVENTORIES})


@pytest.fixture(scope="session")
def granted(plan_all: PlanAll) -> list[Instance]:
    """Each strategy that has a function, with all that adds a grant."""
    plan = plan_all(
        {
            strategy.name: {
                "name": "reports/uploader",
                "kms_key_arn": _KEY,
                "rotation": {strategy.name: strategy.grants.planned},
                "function": {
                    "layers": ["arn:aws:lambda:eu-west-1:123456789012:layer:cryptography:1"],
                    "tracing_mode": "Active",
                    "vpc": VPC,
                },
            }
            for strategy in ROTATORS
        }
    )
    return [plan.instance(strategy.name) for strategy in ROTATORS]
