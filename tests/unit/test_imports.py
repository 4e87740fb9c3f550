"""What is imported when, and by whom: a cold start pays for each module."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rotation.strategies import REGISTRY

_LAMBDA = Path(__file__).resolve().parents[2] / "lambda"
_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-Ab12Cd"
_OPTIONS = {
    "iam_access_key": {
        "user_arn": "arn:aws:iam::123456789012:user/u",
        "adopted_access_key_id": None,
        "settling_seconds": 0,
    },
    "random_value": {
        "length": 8,
        "exclude_characters": "",
        "character_classes": ["numbers"],
        "json_key": None,
    },
}
_RUN = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import handler
class Context:
    aws_request_id = "r"
    def get_remaining_time_in_millis(self):
        return 120_000
handler.lambda_handler(json.loads(sys.argv[2]), Context())
print(json.dumps(sorted(sys.modules)))
"""

# Who may import whom, of ours; also where only the type checker looks.
_ALLOWED = {
    "handler": {"log", "aws", "engine", "errors", "event", "secret", "settings", "strategies"},
    "rotation": set(),
    "rotation.errors": set(),
    "rotation.log": set(),
    "rotation.event": {"errors"},
    "rotation.settings": {"errors"},
    "rotation.answer": {"errors"},
    "rotation.aws": {"answer", "errors"},
    "rotation.attempt": {"answer", "strategies"},
    "rotation.secret": {"answer", "attempt", "aws", "errors", "strategies"},
    "rotation.https": {"aws"},
    "rotation.github": {"answer", "aws", "errors", "https", "settings"},
    "rotation.iam": {"answer", "aws", "errors", "settings"},
    "rotation.cql": {"aws", "https"},
    "rotation.service_login": {"answer", "cql", "errors", "https"},
    "rotation.ssh": {"errors"},
    "rotation.engine": {"attempt", "aws", "errors", "event", "secret", "strategies"},
    "rotation.strategies": {"aws", "errors", "settings"},
}
_ALLOWED_TO_A_STRATEGY = {
    *("answer", "aws", "errors", "github", "https", "iam", "service_login", "settings", "ssh"),
    "strategies",
}


def _modules_after(code: str, *arguments: str, **environment: str) -> set[str]:
    """Run code in a fresh interpreter; tell which modules it has loaded."""
    output = subprocess.run(
        [sys.executable, "-c", code, str(_LAMBDA), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout
    return set(json.loads(output.splitlines()[-1]))


def _name(path: Path) -> str:
    return ".".join(path.relative_to(_LAMBDA).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("module", [f"rotation.strategies.{name}" for name in REGISTRY])
def test_a_strategy_is_imported_alone_and_without_the_sdk(module: str) -> None:
    code = "import json, sys; sys.path.insert(0, sys.argv[1]); import {}; print(json.dumps([*{}]))"
    loaded = _modules_after(code.format(module, "sys.modules"))
    assert module in loaded
    assert not {"boto3", "botocore", "rotation.engine", "rotation.secret"} & loaded
    assert not {f"rotation.strategies.{name}" for name in REGISTRY} & (loaded - {module})


@pytest.mark.parametrize(
    ("strategy", "step"),
    [
        pytest.param("random_value", "setSecret", id="random_value-set"),
        pytest.param("random_value", "testSecret", id="random_value-test"),
        pytest.param("iam_access_key", "setSecret", id="iam_access_key-set"),
    ],
)
def test_a_step_with_nothing_to_do_never_loads_the_sdk(strategy: str, step: str) -> None:
    settings = {
        "strategy": strategy,
        "secret_arn_pattern": _ARN.replace("Ab12Cd", "??????"),
        "minimum_overlap_minutes": 60,
        "constants": {},
        "options": _OPTIONS[strategy],
    }
    event = {"Step": step, "SecretId": _ARN, "ClientRequestToken": "a" * 36}
    loaded = _modules_after(_RUN, json.dumps(event), ROTATION_SETTINGS=json.dumps(settings))
    assert f"rotation.strategies.{strategy}" in loaded
    assert not {"boto3", "botocore"} & loaded
    others = {f"rotation.strategies.{name}" for name in REGISTRY if name != strategy}
    assert not others & loaded


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=_name(path)) for path in sorted(_LAMBDA.rglob("*.py"))]
)
def test_dependencies_point_one_way(path: Path) -> None:
    name = _name(path)
    allowed = _ALLOWED.get(name, _ALLOWED_TO_A_STRATEGY)
    imported: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "rotation":
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and str(node.module).startswith("rotation."):
            imported.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("rotation") for alias in node.names)
    assert imported <= allowed


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=_name(path)) for path in sorted(_LAMBDA.rglob("*.py"))]
)
def test_only_the_handler_reads_the_environment(path: Path) -> None:
    impure = {"environ", "getenv"} & {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert impure == ({"environ"} if _name(path) == "handler" else set())


def test_what_stands_in_for_services_does_not_know_the_payload() -> None:
    testing = _LAMBDA.parent / "testing"
    importing = {
        str(path.relative_to(testing))
        for path in testing.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.partition(".")[0] in {"rotation", "handler", "rotation_conformance"}
    }
    assert importing == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
