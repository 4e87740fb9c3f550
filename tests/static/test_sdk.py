"""Every parameter and field of AWS that the payload uses exists in the SDK that Lambda includes.

An SDK rejects a parameter that it doesn't know, and drops a field of a response. AWS's page names
no version of the runtimes: https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html
"""

import ast
import gzip
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from rotation.response import Response
from tests.strategies import ROTATORS

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
_FILES: Final = sorted(
    [*_REPOSITORY.glob("lambda/**/*.py"), *_REPOSITORY.glob("examples/*/**/rotate.py")]
)
_SERVICES: Final = ("iam", "kms", "secretsmanager", "sts")
# AWS's names. Those of our arguments and of GitHub's fields are in lower case.
_NAME: Final = re.compile(r"[A-Z][A-Za-z]+")

# A file, and a parameter of an operation or a field of its response.
Use: TypeAlias = tuple[str, str]

# The oldest SDK doesn't have these.
_NEWER: Final[frozenset[Use]] = frozenset(
    {
        # Secrets Manager sends a RotationToken only if the function rotates with another role.
        # botocore accepts it in this call since 1.34; the function checks that first.
        ("lambda/rotation/secret.py", "put_secret_value(RotationToken)"),
        *(
            (f"lambda/rotation/strategies/{strategy.name}.py", use)
            for strategy in ROTATORS
            for use in strategy.newer_than_the_oldest_sdk
        ),
    }
)


class Models(dict[str, ServiceModel]):
    """The models of the services, with their operations by the name of the client's method."""

    def __init__(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        super().__init__({name: ServiceModel(model, name) for name, model in models.items()})
        self.operations = {
            xform_name(operation): model.operation_model(operation)
            for model in self.values()
            for operation in model.operation_names
        }


@pytest.fixture(scope="module")
def newest() -> Models:
    return Models({name: Loader().load_service_model(name, "service-2") for name in _SERVICES})


@pytest.fixture(scope="module")
def oldest(cache: Path) -> Models:
    (path,) = (cache / "reference").glob("botocore-*.whl")
    with zipfile.ZipFile(path) as wheel:
        found = {
            name.split("/")[2]: wheel.read(name)
            for name in wheel.namelist()
            if re.fullmatch(rf"botocore/data/({'|'.join(_SERVICES)})/[^/]+/service-2.json.*", name)
        }
    return Models({name: json.loads(_unpacked(content)) for name, content in found.items()})


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def _members(shape: Shape | None) -> set[str]:
    """Return the names of the fields of a shape, at any depth."""
    seen: dict[str, set[str]] = {}

    def visit(one: Shape | None) -> None:
        if one is None or one.name in seen:
            return
        members = getattr(one, "members", {}) if one.type_name == "structure" else {}
        seen[one.name] = {*members}
        for part in (
            *members.values(),
            *(getattr(one, name, None) for name in ("member", "value")),
        ):
            visit(part)

    visit(shape)
    return set().union(*seen.values())


def _operations(code: ast.AST, models: Models) -> list[OperationModel]:
    names = {node.attr for node in ast.walk(code) if isinstance(node, ast.Attribute)}
    # A method of a strategy has the name of an operation of KMS.
    found = names & models.operations.keys() - {"verify"}
    return [models.operations[name] for name in sorted(found)]


def _keys(value: ast.AST) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Dict):
            yield from (str(key.value) for key in node.keys if isinstance(key, ast.Constant))


def _parameters(function: ast.AST) -> Iterator[str]:
    """Yield the parameters of the call that a function makes, also those of a `**` argument."""
    spread: set[str] = set()
    for node in ast.walk(function):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg is None:
                spread.add(ast.unparse(keyword.value))
            elif _NAME.fullmatch(keyword.arg):
                yield keyword.arg
                yield from _keys(keyword.value)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in spread:
            yield from _keys(node.value)


def _fields(file: ast.Module) -> Iterator[str]:
    """Yield the fields that a file reads, by a method of Response or by an index."""
    constants = [node for node in file.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    for node in ast.walk(file):
        places: Sequence[ast.AST] = []
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Call):
            places = [node.slice]
        elif isinstance(node, ast.Call) and node.args:
            # A variable has its value from one of the file's constants.
            named = constants if isinstance(node.args[0], ast.Name) else [node.args[0]]
            if isinstance(node.func, ast.Attribute):
                places = named if node.func.attr in vars(Response) else []
            elif ast.unparse(node.func).startswith("read_"):
                places = [node.args[0]]
        for one in (one for place in places for one in ast.walk(place)):
            if isinstance(one, ast.Constant) and _NAME.fullmatch(str(one.value)):
                yield str(one.value)


def _unknown(models: Models) -> Iterator[Use]:
    """Yield what the payload uses and the models don't have."""
    files = {path: ast.parse(path.read_text(encoding="utf-8")) for path in _FILES}
    everywhere = [one for file in files.values() for one in _operations(file, models)]
    for path, file in files.items():
        name = str(path.relative_to(_REPOSITORY))
        for function in ast.walk(file):
            if isinstance(function, ast.FunctionDef) and (used := _operations(function, models)):
                inputs = set().union(*(_members(one.input_shape) for one in used))
                operation = "/".join(xform_name(one.name) for one in used)
                for parameter in {*_parameters(function)} - inputs:
                    yield name, f"{operation}({parameter})"
        # services/iam.py reads what the calls of other files return.
        read_from = _operations(file, models) or everywhere
        outputs = set().union(*(_members(one.output_shape) for one in read_from))
        for field in {*_fields(file)} - outputs:
            yield name, field


def test_the_newest_sdk_has_all_that_the_payload_uses(newest: Models) -> None:
    assert {*_unknown(newest)} == set()


def test_the_oldest_sdk_of_lambda_has_all_but_what_is_listed(oldest: Models) -> None:
    assert {*_unknown(oldest)} == _NEWER


def test_the_search_finds_each_operation(newest: Models) -> None:
    """The grants of the roles, without those that Lambda and Secrets Manager use themselves."""
    files = [ast.parse(path.read_text(encoding="utf-8")) for path in _FILES]
    assert {one.name for file in files for one in _operations(file, newest)} == {
        "CreateAccessKey",
        "CreateServiceSpecificCredential",
        "DeleteAccessKey",
        "DeleteServiceSpecificCredential",
        "DescribeSecret",
        "GetAccessKeyLastUsed",
        "GetCallerIdentity",
        "GetSecretValue",
        "ListAccessKeys",
        "ListSecretVersionIds",
        "ListServiceSpecificCredentials",
        "PutSecretValue",
        "RotateSecret",
        "Sign",
        "TagResource",
        "UpdateAccessKey",
        "UpdateSecretVersionStage",
    }
