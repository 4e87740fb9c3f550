"""Builds the package of each strategy and of the watcher with Terraform and without an account."""

import json
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from testing.harness.terraform import instances
from tests.conftest import Terraform
from tests.strategies import ROTATORS, SIMPLEST, RotatorUnderTest
from tests.unit.imports import MODULES, imported
from tests.unit.subject import Kind

Build = Callable[[Path], Mapping[str, Path]]

WATCHER = "watcher"
# The submodules that make a package, but for those of strategies.
_MAKERS = {WATCHER: "notifications"}


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
        terraform: Runs a command of Terraform in its folder "build".
    """
    calls = {one.name: one.module_call for one in ROTATORS}
    calls[WATCHER] = {**SIMPLEST.module_call, "notifications": {}}
    targets = [
        f'module.instances["{name}"].module.{_MAKERS.get(name, "function")}[0]'
        ".module.package.data.archive_file.this"
        for name in calls
    ]
    test = {
        "mock_provider": {"aws": {"source": "../tests/mocks"}},
        "run": {"packages": {"command": "plan", "plan_options": {"target": targets}}},
    }
    # Terraform mocks only a provider that the root module requires.
    required = {"required_providers": {"aws": {"source": "hashicorp/aws"}}}
    root = {**instances(calls, source="../"), "terraform": required}
    (module / "build").mkdir(exist_ok=True)
    for name, content in {"main.tf.json": root, "package.tftest.json": test}.items():
        (module / "build" / name).write_text(json.dumps(content), encoding="utf-8")
    terraform("init")
    terraform("test")
    built = {}
    for file in (module / "build" / ".terraform" / "rotating-secret").glob("*.zip"):
        with zipfile.ZipFile(file) as package:
            names = {*package.namelist()}
        marks = {one.name: f"rotation/strategies/{one.name}.py" for one in ROTATORS}
        marks[WATCHER] = "watcher/handler.py"
        (name,) = (name for name, mark in marks.items() if mark in names)
        built[name] = file
    assert built.keys() == calls.keys()
    return built


@pytest.fixture(scope="session")
def build(terraform: Terraform) -> Build:
    """Builds all packages of a copy of the module.

    AWS is mocked, since the package needs no account. archive_file is the real one.
    """
    return lambda module: build_packages(module, partial(terraform, module / "build"))


@pytest.fixture(scope="session")
def module(copy_module: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout."""
    return copy_module(tmp_path_factory.mktemp("package") / "module")


@pytest.fixture(scope="session")
def packages(build: Build, module: Path) -> Mapping[str, Path]:
    return build(module)
