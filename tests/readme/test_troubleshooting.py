"""docs/troubleshooting.md explains every error of the payload by words that its message has."""

from __future__ import annotations

import ast
import functools
import re
from typing import TYPE_CHECKING, TypeAlias

import pytest

from rotation import errors
from rotation.strategies import REGISTRY
from tests.readme.blocks import REPOSITORY
from tests.unit.imports import services_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_CLASSES = {one.__name__ for one in errors.RotationError.__subclasses__()}
_Function: TypeAlias = ast.FunctionDef


def _functions(tree: ast.AST, within: str = "") -> Iterator[tuple[_Function, str]]:
    """Each function, with the class that it is in."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _Function):
            yield node, within
        yield from _functions(node, node.name if isinstance(node, ast.ClassDef) else within)


def _raised(function: _Function, within: str) -> set[str]:
    """The classes of errors that the function makes with a text of its own."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args]
    worded = [call for call in calls if isinstance(call.args[0], ast.JoinedStr | ast.Constant)]
    made = {ast.unparse(call.func) for call in worded}
    own = {within} if made & {"cls", "super().__init__"} else set()
    return _CLASSES & (made | own)


def _completed(function: _Function) -> set[str]:
    """The classes of errors whose message the function completes with a text of its own."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return _CLASSES & {
        ast.unparse(call.func)
        for call in calls
        if any(keyword.arg in {"cure", "reason"} for keyword in call.keywords)
    }


def _words(function: _Function, constants: Mapping[str, ast.expr]) -> str:
    """All texts of the function and of the constants in it, with … for each value."""
    lines: list[ast.AST] = [*function.body]
    left = dict(constants)
    for line in lines:
        names = [node.id for node in ast.walk(line) if isinstance(node, ast.Name)]
        lines += [left.pop(name) for name in names if name in left]
    return " ".join(text for line in lines for text in _texts(line))


def _constants(module: ast.Module) -> dict[str, ast.expr]:
    return {
        node.target.id: node.value
        for node in module.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value
    }


def _texts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Expr(value=ast.Constant()):  # A docstring.
            return
        case ast.JoinedStr(values=parts):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in parts)
        case ast.Constant(value=str(text)):
            yield text
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _texts(child)


@functools.cache
def _messages() -> Sequence[tuple[str, str, str, bool]]:
    """Each place that words an error: its class, its name, its words, and whether it's complete."""
    found: list[tuple[str, str, str, bool]] = []
    services = REPOSITORY / "lambda" / "rotation" / "services"
    used = {services / name for strategy in REGISTRY for name in services_of(strategy)}
    for path in sorted((REPOSITORY / "lambda").rglob("*.py")):
        if services in path.parents and path not in used:
            continue
        module = ast.parse(path.read_text())
        constants = _constants(module)
        for function, within in _functions(module):
            raised = _raised(function, within)
            for kind in raised | _completed(function):
                name = f"{path.relative_to(REPOSITORY / 'lambda')}:{within}.{function.name}"
                found.append((kind, name, _words(function, constants), kind in raised))
    return found


def _page() -> dict[str, list[str]]:
    """The quoted words of the rows below each error's heading."""
    text = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
    sections = re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: re.findall(r"^\| `(.+?)` \|", body, re.MULTILINE) for name, body in sections}


def test_every_error_has_its_section() -> None:
    assert _page().keys() == _CLASSES


def test_every_message_is_explained() -> None:
    page = _page()
    complete = [(kind, name, words) for kind, name, words, is_whole in _messages() if is_whole]
    assert complete
    assert [one for one in complete if not any(quoted in one[2] for quoted in page[one[0]])] == []


@pytest.mark.parametrize("kind", sorted(_CLASSES))
def test_every_quoted_message_exists(kind: str) -> None:
    worded = [words for one, _, words, _ in _messages() if one == kind]
    unknown = [quoted for quoted in _page()[kind] if not any(quoted in one for one in worded)]
    assert unknown == []
