"""The package of a function has what its strategy needs, and the same bytes on every machine."""

import ast
import functools
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.conftest import WATCHER, Build, unused_core
from tests.packaging.probe import import_statements, modules
from tests.strategies import ROTATORS, RotatorUnderTest, case

pytestmark = pytest.mark.xdist_group("package")

each_strategy = pytest.mark.parametrize("strategy", [*map(case, ROTATORS)])


def _content(package: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        assert names == sorted({*names})
        return {name: archive.read(name) for name in names}


def _imported(payload: Path, file: Path) -> Iterator[Path]:
    """Find the file and all files of the payload that it imports, directly or indirectly."""
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for statement in import_statements(ast.parse(current.read_bytes())):
            for name in modules(statement):
                # `from rotation.services import iam` names a module after `import`, too.
                for last in ("", *(f".{alias.name}" for alias in statement.names)):
                    parts = f"{name}{last}".split(".")
                    bases = [
                        payload.joinpath(*parts[:length]) for length in range(1, 1 + len(parts))
                    ]
                    files = [
                        file
                        for base in bases
                        for file in (base.with_suffix(".py"), base / "__init__.py")
                    ]
                    waiting += [file for file in files if file.is_file()]
    yield from found


@each_strategy
def test_the_package_has_the_core_the_strategy_and_the_services_that_it_imports(
    strategy: RotatorUnderTest, packages: Mapping[str, Path], module: Path
) -> None:
    payload = module / "lambda"
    strategies = payload / "rotation" / "strategies"
    expected = {
        payload / "handler.py",
        *(payload / "rotation").glob("*.py"),
        strategies / "__init__.py",
        *_imported(payload, strategies / f"{strategy.name}.py"),
    }
    paths = {str(file.relative_to(payload)) for file in expected}
    content = _content(packages[strategy.name])
    if "source_file" in strategy.options:
        own = Path(strategy.options["source_file"])
        assert content.pop("custom_strategy.py") == own.read_bytes()
    paths -= {f"rotation/{name}.py" for name in unused_core(strategy)}
    # A file without code is left out.
    paths = {path for path in paths if len(ast.parse((payload / path).read_bytes()).body) > 1}
    assert content.keys() == paths


def test_the_package_of_the_watcher_has_its_files_and_no_other(
    packages: Mapping[str, Path], module: Path
) -> None:
    files = {
        str(one.relative_to(module / "lambda")): one for one in module.glob("lambda/watcher/*")
    }
    own = {path: one.read_bytes() for path, one in files.items() if one.suffix == ".py"}
    assert _content(packages[WATCHER]) == own


class _Code(ast.NodeTransformer):
    """Keeps what runs, and the line where each part begins."""

    def visit(self, node: ast.AST) -> Any:  # noqa: ANN401 -- as in the base class
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
        for name in ("col_offset", "end_col_offset", "end_lineno"):
            if hasattr(node, name):
                setattr(node, name, 0)
        return self.generic_visit(node)


@functools.cache  # Most packages have the same files.
def _code(source: bytes) -> str:
    return ast.dump(_Code().visit(ast.parse(source)), include_attributes=True)


@each_strategy
def test_the_package_has_the_code_and_the_line_numbers_of_the_source(
    strategy: RotatorUnderTest, packages: Mapping[str, Path], module: Path
) -> None:
    for name, content in _content(packages[strategy.name]).items():
        source = module / "lambda" / name
        if source.is_file():
            assert _code(content) == _code(source.read_bytes()), name


@each_strategy
def test_the_package_is_small(strategy: RotatorUnderTest, packages: Mapping[str, Path]) -> None:
    assert packages[strategy.name].stat().st_size <= strategy.largest_package


def test_the_page_says_how_large_packages_are(
    packages: Mapping[str, Path], repository: Path
) -> None:
    page = (repository / "docs" / "design.md").read_text(encoding="utf-8")
    limits: dict[bool, int] = {}
    for one in ROTATORS:
        has_client = "rotation/services/database.py" in _content(packages[one.name])
        limits[has_client] = max(limits.get(has_client, 0), one.largest_package)
    found = re.findall(r"at most (\d+) KB, and at most (\d+) KB with\s+the client of a data", page)
    assert found == [(str(limits[False] // 1024), str(limits[True] // 1024))]
    ((least, most),) = re.findall(r"state, about (\d+) to (\d+) KB", page)
    # The state has the files as texts in JSON.
    texts = [[*map(bytes.decode, _content(packages[one.name]).values())] for one in ROTATORS]
    tens = [len(json.dumps(one)) // 10_240 for one in texts]
    assert (10 * min(tens), 10 * max(tens) + 10) == (int(least), int(most))


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    "mask",
    [*(pytest.param(mask, marks=pytest.mark.slow) for mask in (0o002, 0o022)), 0o077],
    ids=oct,
)
def test_the_package_is_the_same_for_every_umask_checkout_and_cache(
    mask: int, packages: Mapping[str, Path], module: Path, build: Build, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "another folder"
    with _umask(mask):
        patterns = (
            "*.tf",
            "lambda/**/*.py",
            "modules/**/*.tf",
            "modules/**/*.txt",
            "tests/mocks/*",
        )
        files = {file for pattern in patterns for file in module.glob(pattern)}
        for source in sorted(files, reverse=True):
            target = elsewhere / source.relative_to(module)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            os.utime(target, (86_400, 86_400))
        cache = elsewhere / "lambda" / "rotation" / "__pycache__"
        cache.mkdir()
        (cache / "engine.cpython-313.pyc").write_bytes(b"compiled")
        (elsewhere / "lambda" / "rotation" / "notes.txt").touch()
        others = build(elsewhere)
    for name, package in packages.items():
        assert others[name].name == package.name
        assert others[name].read_bytes() == package.read_bytes()


# A package has only the services that its strategy imports, which the first test here compares.
@pytest.mark.slow
def test_a_change_for_github_changes_no_package_without_github(
    packages: Mapping[str, Path],
    build: Build,
    copy_module: Callable[[Path], Path],
    tmp_path: Path,
) -> None:
    changed = copy_module(tmp_path / "module")
    for file in (changed / "lambda" / "rotation" / "services" / "github").glob("*.py"):
        with file.open("a", encoding="utf-8") as text:
            text.write('\nANOTHER = "content"\n')
    others = build(changed)
    differing = {
        name for name in packages if packages[name].read_bytes() != others[name].read_bytes()
    }
    assert differing == {name for name in packages if "github" in name}
