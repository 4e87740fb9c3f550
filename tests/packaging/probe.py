"""Imports all that a package may ever import; a bare interpreter runs it, not pytest.

Imports inside functions count too: Lambda meets them only at the step that needs them. A library
of a layer is not checked here: tests/readme builds that layer as the page says.
"""

import ast
import importlib
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

_IN_A_LAYER = {"cryptography"}


def main(package: Path, libraries: str, unused: Collection[str]) -> None:
    """Import each file of the package, and what it imports.

    Args:
        package: the folder of the unpacked package.
        libraries: the folder with the libraries of the runtime.
        unused: modules that this package need not have.
    """
    sys.path += [str(package), libraries]
    for file in sorted(package.rglob("*.py")):
        importlib.import_module(".".join(file.relative_to(package).with_suffix("").parts))
        for statement in import_statements(ast.parse(file.read_bytes())):
            for name in modules(statement):
                if name.partition(".")[0] not in _IN_A_LAYER and name not in unused:
                    importlib.import_module(name)


def import_statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Find every import, at whatever depth, but not those for types alone."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from import_statements(child)


def modules(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Name the modules of an import; `from a import b` names `a`, since `b` may be a function."""
    if isinstance(statement, ast.ImportFrom):
        return [statement.module] if statement.module else []
    return [alias.name for alias in statement.names]


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
