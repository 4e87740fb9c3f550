"""Builds the package of each strategy and of the watcher with Terraform and without an account."""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from testing.harness.provider import AwsProvider
from tests.conftest import Terraform
from tests.strategies import ROTATORS, SIMPLEST, RotatorUnderTest
from tests.unit.imports import MODULES, imported
from tests.unit.subject import Kind

Build = Callable[[Path], Mapping[str, Path]]

WATCHER = "watcher"


def unused_core(strategy: RotatorUnderTest) -> set[str]:
    """Name the modules of the core that only other functions or kinds of strategies need."""
    optional = {"audit", "giving_up", "previous", "revocation", "users"} - {
        name.removeprefix("rotation.")
        for name in imported(MODULES[f"rotation.strategies.{strategy.name}"])
    }
    if "source_file" in strategy.options:
        return optional
    sets = {Kind.GENERATOR: set[str](), Kind.SETTER: {"setting"}, Kind.REPLACER: {"setting"}}
    return optional | {"api", "issuing", "setting"} - sets.get(strategy.unit.kind, {"issuing"})


def build_packages(module: Path, terraform: Callable[..., object]) -> dict[str, Path]:
    """Build all packages of a copy of the module, by the name of the strategy, or WATCHER.

    Args:
        module: The copy.
        terraform: Runs a command of Terraform in it.
    """
    calls = {one.name: ("function", one.module_call) for one in ROTATORS}
    calls[WATCHER] = ("notifications", {**SIMPLEST.module_call, "notifications": {}})
    test = {
        "mock_provider": {"aws": {"source": "./tests/mocks"}},
        "run": {
            name: {
                "command": "plan",
                "variables": variables,
                "plan_options": {
                    "target": [f"module.{maker}[0].module.package.data.archive_file.this"]
                },
            }
            for name, (maker, variables) in calls.items()
        },
    }
    (module / "build").mkdir(exist_ok=True)
    (module / "build" / "package.tftest.json").write_text(json.dumps(test), encoding="utf-8")
    terraform("init", "-backend=false", "-test-directory=build")
    terraform("test", "-test-directory=build")
    built = {}
    for file in (module / ".terraform" / "rotating-secret").glob("*.zip"):
        with zipfile.ZipFile(file) as package:
            names = {*package.namelist()}
        marks = {one.name: f"rotation/strategies/{one.name}.py" for one in ROTATORS}
        marks[WATCHER] = "watcher/handler.py"
        (name,) = (name for name, mark in marks.items() if mark in names)
        built[name] = file
    assert built.keys() == calls.keys()
    return built


@pytest.fixture(scope="session")
def build(terraform: Terraform, terraform_env: dict[str, str]) -> Iterator[Build]:
    """Builds all packages of a copy of the module.

    AWS is mocked, since the package needs no account: one process of its provider shows the schema
    to all runs. archive_file is the real one.
    """

    def run(module: Path) -> dict[str, Path]:
        # Only for these commands: the other tests of this process start their own provider.
        with pytest.MonkeyPatch.context() as patch:
            for name, value in provider.environment.items():
                patch.setitem(terraform_env, name, value)
            return build_packages(module, partial(terraform, module))

    with closing(AwsProvider(Path.cwd(), terraform_env)) as provider:
        yield run


@pytest.fixture(scope="session")
def module(copy_module: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout."""
    return copy_module(tmp_path_factory.mktemp("package") / "module")


@pytest.fixture(scope="session")
def packages(build: Build, module: Path) -> Mapping[str, Path]:
    return build(module)
