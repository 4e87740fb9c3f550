"""The names that a custom rotator may import, checked as in httpx's test_exported_members.py."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from rotation import api
from tests.unit.imports import imported

# None of these knows a service.
_CORE = ("aws", "errors", "response", "settings", "strategy")
_ROOT = Path(__file__).resolve().parents[2]
_EXAMPLE = sorted((_ROOT / "examples" / "custom").glob("*.py"))
# The suite runs a rotator as the function does, so it needs these parts of the engine.
_MORE = {
    "account.py": {"rotation.proof"},
    "overlap.py": {"rotation.aws"},
    "rotator.py": {"rotation.engine", "rotation.errors", "rotation.event", "rotation.secret"},
    "suite.py": {"rotation.event", "rotation.strategies", "rotation.strategies.custom"},
    "words.py": {"rotation.errors"},
}
_SUITE = sorted((_ROOT / "tools" / "conformance").rglob("*.py"))


def test_all_public_names_are_exported_in_order() -> None:
    public = {name for name in vars(api) if not name.startswith("_")}
    assert api.__all__ == sorted(public - {"annotations"})


def test_nothing_is_exported_from_a_service_or_a_strategy() -> None:
    homes = {getattr(api, name).__module__ for name in api.__all__ if name != "Value"}
    assert homes == {f"rotation.{name}" for name in _CORE}


@pytest.mark.parametrize("path", _EXAMPLE, ids=lambda path: path.name)
def test_the_example_imports_nothing_else(path: Path) -> None:
    assert imported(path) <= {"rotation.api"}


@pytest.mark.parametrize("path", _SUITE, ids=lambda path: path.name)
def test_the_suite_imports_what_is_exported_from_there(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("rotation."):
            importlib.import_module(str(node.module))
            names = {alias.name for alias in node.names}
            assert node.module == "rotation.api" or not names & set(api.__all__)


@pytest.mark.parametrize("path", _SUITE, ids=lambda path: path.name)
def test_the_suite_imports_only_these_modules_of_the_engine(path: Path) -> None:
    assert imported(path) - {"rotation.api"} == _MORE.get(path.name, set())
