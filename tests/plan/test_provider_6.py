"""Every argument that the module sets exists in the schema of AWS provider 6.x.

The schema comes from generated bindings; nothing is applied.
"""

import ast
import zipfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest

# Arguments that Terraform itself reads in a resource, and one that the parser adds.
_TERRAFORM = {"count", "depends_on", "for_each", "lifecycle", "provider", "__is_block__"}


@pytest.fixture(scope="module")
def classes(aws_provider_6: Path) -> dict[str, dict[str, set[str]]]:
    """The keyword arguments of each class, by the module that holds it."""

    @cache
    def read(module: str) -> dict[str, set[str]]:
        with zipfile.ZipFile(aws_provider_6) as wheel:
            source = wheel.read(f"cdktf_cdktf_provider_aws/{module}/__init__.py")
        return {
            one.name: {argument.arg for argument in method.args.kwonlyargs}
            for one in ast.parse(source).body
            if isinstance(one, ast.ClassDef)
            for method in one.body
            if isinstance(method, ast.FunctionDef) and method.name == "__init__"
        }

    class Lazy(dict[str, dict[str, set[str]]]):
        def __missing__(self, module: str) -> dict[str, set[str]]:
            return read(module)

    return Lazy()


@cache
def _blocks(repository: Path) -> Sequence[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for path in (*repository.glob("*.tf"), *(repository / "modules").rglob("*.tf")):
        with path.open(encoding="utf-8") as file:
            parsed = hcl2.load(file)
        for kind in ("data", "resource"):
            found += [
                (kind, type_.strip('"'), body | {"name?": name.strip('"')})
                for block in parsed.get(kind, [])
                for type_, named in block.items()
                for name, body in named.items()
                if type_.strip('"').startswith("aws_")
            ]
    return found


def _pascal(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _unknown(
    prefix: str, body: dict[str, Any], classes: dict[str, set[str]], class_: str
) -> Iterator[str]:
    for name, value in body.items():
        if name in _TERRAFORM | {"name?", "__comments__", "__inline_comments__"}:
            continue
        nested = value if name == "dynamic" else [{name: {"content": value}}]
        for one in nested:
            for argument, content in one.items():
                argument_name = argument.strip('"')
                if argument_name not in classes[class_]:
                    yield f"{class_} has no {argument_name}"
                parts = content["content"]
                for part in parts if isinstance(parts, list) else []:
                    if isinstance(part, dict) and part.get("__is_block__"):
                        inner = f"{prefix}{_pascal(argument_name)}"
                        yield from _unknown(inner, part, classes, inner)


def test_provider_6_has_every_argument(
    repository: Path, classes: dict[str, dict[str, set[str]]]
) -> None:
    blocks = list(_blocks(repository))
    assert len(blocks) > 15
    unknown: list[str] = []
    for kind, type_, body in blocks:
        module = type_.removeprefix("aws_") if kind == "resource" else f"data_{type_}"
        pascal = _pascal(module)
        unknown += _unknown(pascal, body, classes[module], f"{pascal}Config")
    assert unknown == []


def test_the_search_finds_arguments_missing_in_provider_6(
    classes: dict[str, dict[str, set[str]]],
) -> None:
    body = {
        "no_such_argument": 1,
        "environment": [{"no_such_argument": 1, "__is_block__": True}],
        "dynamic": [
            {'"vpc_config"': {"content": [{"no_such_argument": 1, "__is_block__": True}]}},
            {'"no_such_block"': {"content": [{"__is_block__": True}]}},
        ],
    }
    prefix = "LambdaFunction"
    found = _unknown(
        prefix,
        body,
        classes["lambda_function"] | {"LambdaFunctionNoSuchBlock": set()},
        f"{prefix}Config",
    )
    assert list(found) == [
        "LambdaFunctionConfig has no no_such_argument",
        "LambdaFunctionEnvironment has no no_such_argument",
        "LambdaFunctionVpcConfig has no no_such_argument",
        "LambdaFunctionConfig has no no_such_block",
    ]


def test_the_region_is_read_by_its_id_and_never_set(repository: Path) -> None:
    """`name` is deprecated in 6.x, and 5.100 has no `region`, as an attribute or as an argument."""
    for path in (*repository.glob("*.tf"), *(repository / "modules").rglob("*.tf")):
        text = path.read_text(encoding="utf-8")
        assert "aws_region.current.name" not in text
        assert "aws_region.current.region" not in text
    for _, type_, body in _blocks(repository):
        assert "region" not in body, type_
