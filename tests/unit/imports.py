"""The imports between the payload's modules, read from their source."""

from __future__ import annotations

import ast
from itertools import accumulate
from pathlib import Path
from typing import Final

LAMBDA: Final = Path(__file__).resolve().parents[2] / "lambda"
_SERVICES: Final = "rotation.services"


def _name(path: Path) -> str:
    return ".".join(path.relative_to(LAMBDA).with_suffix("").parts).removesuffix(".__init__")


MODULES: Final = {_name(path): path for path in sorted(LAMBDA.rglob("*.py"))}


def imported(path: Path) -> set[str]:
    """Return the payload's modules that a file imports, also late or for the type checker."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {member if member in MODULES else node.module for member in members}
    return found & MODULES.keys()


def services_of(strategy: str) -> frozenset[str]:
    """Return the files below `lambda/rotation/services` that a strategy needs in its package."""
    waiting, needed = [f"rotation.strategies.{strategy}"], set[str]()
    while waiting:
        # An import of a.b.c imports a and a.b too.
        names = {
            name
            for module in imported(MODULES[waiting.pop()])
            for name in accumulate(module.split("."), "{}.{}".format)
            if name.startswith(_SERVICES)
        }
        waiting += names - needed
        needed |= names
    folder = MODULES[_SERVICES].parent
    return frozenset(MODULES[name].relative_to(folder).as_posix() for name in needed)
