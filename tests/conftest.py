"""Fixtures for all tests: paths, the environment of Terraform, a copy of the module."""

import gc
import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Protocol

import boto3
import hypothesis
import pytest

from testing.harness.terraform import SETTINGS

pytest_plugins = [
    *("pytester", "tests.selection", "tests.order", "tests.campaigns", "tests.load.account"),
    *("testing.databases.fixtures", "testing.harness.models"),
]

# `make test` draws the same examples on every run; `make test-slow` draws new ones from its seed.
# There is no deadline, because the time of one example depends on the machine.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("campaign", max_examples=5000, deadline=None, print_blob=True)
hypothesis.settings.load_profile("repeatable")

# Not copied: results of the set-up, Terraform's state and values, caches of the tools.
_LEFT_BEHIND = shutil.ignore_patterns(
    *(".git", ".venv", ".cache", ".*_cache", ".hypothesis", "__pycache__"),
    *(".terraform", ".terraform.*", "*.tfstate*", "*.tfvars", "*.tfplan"),
)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector away from the tests themselves, which stay until the end.

    Otherwise it walks through thousands of them again and again, for a third of the processor time
    of some files.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(10_000, 20, 20)
        gc.enable()


class Terraform(Protocol):
    """Runs Terraform in a folder. If it fails, the test fails with the whole output."""

    def __call__(self, folder: Path, command: str, *arguments: str) -> str: ...


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def cache(repository: Path) -> Path:
    """The folder where `make setup` puts tools and providers."""
    return repository / ".cache"


@pytest.fixture(scope="session")
def aws_cli(cache: Path) -> Path:
    """The AWS CLI, which has its own environment."""
    return cache / "awscli" / "bin" / "aws"


@pytest.fixture(scope="session")
def aws_provider_6(cache: Path) -> Path:
    """The wheel of generated bindings with the schema of AWS provider 6.x."""
    (wheel,) = (cache / "aws-provider-6").glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def terraform_env() -> dict[str, str]:
    """A whole environment, with the providers of the set-up and no other TF_ variable."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return inherited | SETTINGS


@pytest.fixture(scope="session")
def terraform(terraform_env: dict[str, str]) -> Terraform:
    def run(folder: Path, command: str, *arguments: str) -> str:
        result = subprocess.run(
            ["terraform", f"-chdir={folder}", command, "-no-color", *arguments],
            check=False,
            env=terraform_env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert result.returncode == 0, f"terraform {command}:\n{result.stdout}"
        return result.stdout

    return run


@pytest.fixture(scope="session")
def copy_module(repository: Path) -> Callable[[Path], Path]:
    """Copies the checkout to a new folder, without state, values or .terraform."""

    def copy(destination: Path) -> Path:
        return Path(shutil.copytree(repository, destination, ignore=_LEFT_BEHIND))

    return copy


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the account that other tests of this process use."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # It keeps the credentials that it has found.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def module_copy(copy_module: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A copy of the checkout for one test."""
    return copy_module(tmp_path / "module")
