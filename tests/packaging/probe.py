"""Imports all that a strategy may ever import; run alone by a bare interpreter, not by pytest.

Imports inside functions count too: Lambda meets them only at the step that needs them. What comes
in a layer does not: tests/readme makes that as the README says.
"""

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

_IN_A_LAYER = {"cryptography"}


def main(package: Path, libraries: str, strategy: str) -> None:
    """Import the handler, the strategy, and what their files and the common ones name."""
    sys.path += [str(package), libraries]
    strategies = package / "rotation" / "strategies"
    others = set(strategies.glob("*.py")) - {strategies / f"{strategy}.py"}
    for file in sorted(set(package.rglob("*.py")) - others):
        importlib.import_module(".".join(file.relative_to(package).with_suffix("").parts))
        for name in imports(ast.parse(file.read_bytes())):
            if name.partition(".")[0] not in _IN_A_LAYER:
                importlib.import_module(name)


def imports(node: ast.AST) -> Iterator[str]:
    """Name every module that is imported, at whatever depth, but not for types alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
