"""The pipelines in examples/ci run unchanged, each job on its own machine."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from testing.harness.account import Aws, Secret, inventory
from testing.harness.terraform import Terraform, checkout

_REPOSITORY = Path(__file__).resolve().parents[2]
_ROOT = "examples/random-value"
# Actions that this machine and the checkout replace.
_GIVEN = {
    "actions/checkout",
    "actions/setup-go",
    "actions/setup-python",
    "aws-actions/configure-aws-credentials",
    "hashicorp/setup-terraform",
}


def _workflow(name: str) -> dict[str, Any]:
    text = (_REPOSITORY / "examples" / "ci" / f"{name}.yml").read_text()
    workflow: dict[str, Any] = yaml.safe_load(text)
    return workflow


@dataclass(frozen=True, kw_only=True)
class _Runner:
    """Runs the jobs of a workflow, with the actions that concern this project."""

    workflow: dict[str, Any]
    environment: Mapping[str, str]
    artifacts: Path

    def run(self, job: str, machine: Path) -> None:
        for step in self.workflow["jobs"][job]["steps"]:
            if "run" in step:
                self._command(step["run"], machine / step["working-directory"])
                continue
            action, given = step["uses"].partition("@")[0], step.get("with", {})
            if action == "actions/upload-artifact":
                self._upload(machine, [Path(one) for one in given["path"].split()])
            elif action == "actions/download-artifact":
                shutil.copytree(self.artifacts, machine / given["path"], dirs_exist_ok=True)
            else:
                assert action in _GIVEN

    def _command(self, command: str, folder: Path) -> None:
        # https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
        result = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
            check=False,
            cwd=folder,
            env={**self.environment, **self.workflow["env"]},
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert result.returncode == 0, result.stdout

    def _upload(self, machine: Path, paths: list[Path]) -> None:
        # An artifact has the paths below their common ancestor.
        # https://github.com/actions/upload-artifact#upload-using-multiple-paths-and-exclusions
        base = Path(os.path.commonpath(paths))
        for path in paths:
            kept = self.artifacts / path.relative_to(base)
            kept.parent.mkdir(parents=True, exist_ok=True)
            if (machine / path).is_dir():
                shutil.copytree(machine / path, kept)
            else:
                shutil.copy(machine / path, kept)


@pytest.fixture
def environment(aws: Aws, terraform_env: dict[str, str]) -> dict[str, str]:
    foreign = ("AWS_", "PYTEST_")
    inherited = {k: v for k, v in terraform_env.items() if not k.startswith(foreign)}
    return {
        **inherited,
        **aws.environment,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # Another test makes a secret of the same name.
        "TF_VAR_recovery_window_in_days": "0",
    }


@pytest.mark.parametrize("name", ["pytest", "terratest"])
@pytest.mark.slow
def test_the_test_of_the_pipeline_passes_and_leaves_nothing(
    name: str, aws: Aws, environment: dict[str, str], module: Path, tmp_path: Path
) -> None:
    before = inventory(aws)
    runner = _Runner(workflow=_workflow(name), environment=environment, artifacts=tmp_path)
    runner.run("test", module)
    assert inventory(aws) == before


# tests/e2e/test_examples.py applies the same example, without the jobs of a pipeline.
@pytest.mark.slow
def test_a_plan_made_on_one_machine_is_applied_on_another(
    aws: Aws, environment: dict[str, str], tmp_path: Path
) -> None:
    workflow = _workflow("terratest")
    runner = _Runner(workflow=workflow, environment=environment, artifacts=tmp_path)
    before = inventory(aws)
    with checkout() as first:
        runner.run("plan", first)
    with checkout() as second:
        terraform = Terraform(second, _ROOT, aws.environment, {"recovery_window_in_days": 0})
        try:
            runner.run("apply", second)
            Secret(aws, terraform.outputs()["secret_arn"]).wait_for_a_value()
            terraform.require_empty_plan()
        finally:
            terraform.destroy()
    assert inventory(aws) == before


def test_the_pipelines_differ_only_in_their_tests() -> None:
    one, other = _workflow("pytest"), _workflow("terratest")
    del one["jobs"]["test"], other["jobs"]["test"]
    assert one == other


@pytest.mark.parametrize("name", ["pytest", "terratest"])
def test_each_action_is_pinned_by_its_commit(name: str) -> None:
    text = (_REPOSITORY / "examples" / "ci" / f"{name}.yml").read_text()
    used = re.findall(r"uses: (.*)", text)
    assert used
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [one for one in used if not pinned.fullmatch(one)] == []
    # One version of each action.
    assert len({*used}) == len({one.partition("@")[0] for one in used})


@pytest.mark.parametrize("name", ["pytest", "terratest"])
def test_each_job_has_only_what_it_needs(name: str) -> None:
    workflow = _workflow(name)
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"].values()
    for job in jobs:
        # To check out the code, and to assume the role.
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}
    # A role can trust one job alone, because a token names the environment.
    assert len({job["environment"] for job in jobs}) == len(jobs)
