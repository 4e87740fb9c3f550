"""Imports all that packages may ever import; a bare interpreter runs it, not pytest.

Imports inside functions count too: Lambda meets them only at the step that needs them. A library
of a layer is not checked here: tests/readme builds that layer as the page says.
"""

import ast
import importlib
import json
import multiprocessing
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

_IN_A_LAYER = {"cryptography"}


def main(packages: Path, libraries: str, unused: Mapping[str, Collection[str]]) -> None:
    """Import each package in its own process, and print the exit codes as JSON.

    Args:
        packages: the folder of the unpacked packages.
        libraries: the folder with the libraries of the runtime.
        unused: the names of the packages, with the modules that each need not have.
    """
    sys.path.append(libraries)
    # The longest import. All processes inherit it.
    importlib.import_module("boto3")
    fork = multiprocessing.get_context("fork")
    codes = {}
    for name in unused:
        process = fork.Process(target=import_all, args=[packages / name, unused[name]])
        process.start()
        process.join()
        codes[name] = process.exitcode
    sys.stdout.write(json.dumps(codes))


def import_all(package: Path, unused: Collection[str]) -> None:
    """Import each file of the package, and what it imports."""
    sys.path.append(str(package))
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
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
