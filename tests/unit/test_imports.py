"""The imports of the payload: each module makes a cold start slower."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys

import pytest

from rotation.strategies import REGISTRY
from tests.unit.imports import LAMBDA, MODULES, imported, services_of
from tests.unit.subjects import FEW_SLOTS, GENERATOR, options_of

_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-Ab12Cd"
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

# Which module of the core may import which, also for the type checker alone.
_CORE = {
    "errors": set(),
    "log": set(),
    "silence": set(),
    "strategy": set(),
    "event": {"errors"},
    "settings": {"errors"},
    "response": {"errors"},
    "aws": {"errors", "response"},
    "attempt": {"response", "strategy"},
    "secret": {"attempt", "aws", "errors", "response", "strategy"},
    "proof": {"errors", "strategy"},
    "ownership": {"attempt", "errors", "secret", "strategy"},
    "audit": {
        *("attempt", "aws", "engine", "errors", "log", "ownership", "proof", "response", "secret"),
        *("settings", "strategy"),
    },
    "issuing": {
        *("attempt", "aws", "errors", "event", "ownership", "proof", "secret"),
        "strategy",
    },
    "setting": {"aws", "errors", "ownership", "pending", "proof", "secret", "strategy"},
    "pending": {"attempt", "errors", "ownership", "proof", "secret", "strategy"},
    "revocation": {
        *("attempt", "aws", "errors", "issuing", "ownership", "pending", "proof", "response"),
        *("secret", "strategy"),
    },
    "giving_up": {
        *("attempt", "errors", "ownership", "pending", "proof", "secret", "strategy"),
    },
    "engine": {
        *("aws", "errors", "event", "giving_up", "issuing", "ownership", "pending", "proof"),
        *("revocation", "secret", "setting", "strategy"),
    },
    "previous": {
        *("attempt", "aws", "engine", "event", "log", "ownership", "proof", "response", "secret"),
        *("settings", "strategy"),
    },
    "api": {"aws", "errors", "response", "settings", "strategy"},
    "users": {"errors", "strategy"},
}
_APART = {
    "watcher": set[str](),
    "watcher.findings": set[str](),
    "watcher.messages": {"watcher.findings"},
    "watcher.handler": {"watcher", "watcher.findings", "watcher.messages"},
    "responder": set[str](),
    "responder.handler": {"responder"},
}
_FOR_SERVICES = {"aws", "errors", "response", "settings"}


def _allowed(module: str) -> set[str]:
    """Return the modules that a module may import: its own layer, and those below it."""
    match module.split("."):
        case ["handler"]:
            core = {"audit", "aws", "engine", "errors", "event", "log", "proof", "secret"}
            core |= {"previous", "settings", "silence"}
            return {"rotation", "rotation.strategies", *_full(core)}
        case ["rotation", "services", *_]:
            return {name for name in MODULES if "services" in name} | _full(_FOR_SERVICES)
        case ["rotation", "strategies", *_]:
            services = {name for name in MODULES if "services" in name}
            return services | _full({*_FOR_SERVICES, "strategy", "strategies", "users"})
        case ["rotation", name]:
            return _full(_CORE[name])
        case ["responder" | "watcher", *_]:
            return _APART[module]
        case _:
            return set()


def _full(names: set[str]) -> set[str]:
    return {f"rotation.{name}" for name in names}


def _modules_after(code: str, *arguments: str, **environment: str) -> set[str]:
    """Run code in a new interpreter, and return the modules that it has loaded."""
    output = subprocess.run(
        [sys.executable, "-c", code, str(LAMBDA), *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout
    return set(json.loads(output.splitlines()[-1]))


@pytest.mark.parametrize("strategy", REGISTRY)
def test_a_strategy_is_imported_alone_and_without_the_sdk(strategy: str) -> None:
    module = f"rotation.strategies.{strategy}"
    code = "import json, sys; sys.path.insert(0, sys.argv[1]); import {}; print(json.dumps([*{}]))"
    loaded = _modules_after(code.format(module, "sys.modules"))
    assert module in loaded
    assert not {"boto3", "botocore", "rotation.engine", "rotation.secret"} & loaded
    assert not {f"rotation.strategies.{name}" for name in REGISTRY} & (loaded - {module})
    services = MODULES["rotation.services"].parent
    assert {
        MODULES[name].relative_to(services).as_posix()
        for name in loaded
        if name.startswith("rotation.services")
    } == services_of(strategy)


@pytest.mark.parametrize(
    ("strategy", "step"),
    [
        pytest.param(GENERATOR, "setSecret", id="generator-set"),
        pytest.param(GENERATOR, "testSecret", id="generator-test"),
        pytest.param(FEW_SLOTS, "setSecret", id="issuer-set"),
    ],
)
def test_a_step_with_nothing_to_do_never_loads_the_sdk(strategy: str, step: str) -> None:
    settings = {
        "strategy": strategy,
        "secret_arn_pattern": _ARN.replace("Ab12Cd", "??????"),
        "minimum_overlap_minutes": 60,
        "constants": {},
        "options": options_of(strategy),
    }
    event = {"Step": step, "SecretId": _ARN, "ClientRequestToken": "a" * 36}
    loaded = _modules_after(_RUN, json.dumps(event), ROTATION_SETTINGS=json.dumps(settings))
    assert f"rotation.strategies.{strategy}" in loaded
    assert not {"boto3", "botocore"} & loaded
    others = {f"rotation.strategies.{name}" for name in REGISTRY if name != strategy}
    assert not others & loaded


def test_a_client_is_made_without_boto3() -> None:
    code = """
import json, sys
sys.path.insert(0, sys.argv[1])
from rotation.aws import SdkClients
SdkClients()("iam")
print(json.dumps([*sys.modules]))
"""
    loaded = _modules_after(code, AWS_DEFAULT_REGION="eu-west-1")
    assert "botocore" in loaded
    assert "boto3" not in loaded


@pytest.mark.parametrize("module", MODULES)
def test_dependencies_point_one_way(module: str) -> None:
    assert imported(MODULES[module]) <= _allowed(module)


@pytest.mark.parametrize(
    "package",
    [
        *("services", "services.github", "services.login", "services.mysql"),
        "services.postgresql",
    ],
)
def test_the_init_of_a_package_of_services_imports_no_module_of_it(package: str) -> None:
    """A function's package holds only the modules that its strategy needs."""
    name = f"rotation.{package}"
    assert not {one for one in imported(MODULES[name]) if one.startswith(f"{name}.")}


# Modules that aren't named after a service.
_NOT_NAMES = {"api", "custom", "errors", "https", "login", "services", "strategies", "tls"}
_NOT_NAMES |= {"certificates"}
# Their modules are the parts of a protocol.
_PROTOCOLS = {"mysql", "postgresql"}


def _names_of_services() -> set[str]:
    """Collect the names from the modules of services and strategies, and from their AWS clients."""
    outside = [name for name in MODULES if {"services", "strategies"} & set(name.split("."))]
    parts = [module.split(".")[2:] for module in outside]
    names = {one for part in parts for one in part[: 1 if _PROTOCOLS & {*part} else None]}
    names -= _NOT_NAMES
    for module in outside:
        for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(
                r"_clients(\.of)?$", ast.unparse(node.func)
            ):
                names.add(str(ast.literal_eval(node.args[0])))
    return names - {"secretsmanager"}


def test_the_names_of_services_are_found() -> None:
    assert _names_of_services() >= {"bedrock", "github", "iam", "kms", "ssh", "sts"}


@pytest.mark.parametrize("module", ["handler", *(f"rotation.{name}" for name in _CORE)])
def test_the_core_names_no_service(module: str) -> None:
    """Not even in a message or a comment; a link may."""
    text = re.sub(r"https://\S+", "", MODULES[module].read_text(encoding="utf-8")).lower()
    words = set(re.findall(r"[a-z_]+", text))
    assert not words & _names_of_services()


@pytest.mark.parametrize("module", MODULES)
def test_only_the_handler_reads_the_environment(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    impure = {"environ", "getenv"} & {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }
    handlers = {"handler", "responder.handler", "watcher.handler"}
    assert impure == ({"environ"} if module in handlers else set())


def test_nothing_in_testing_imports_the_payload() -> None:
    testing = LAMBDA.parent / "testing"
    payload = {name.partition(".")[0] for name in MODULES} | {"rotation_conformance"}
    importing = {
        str(path.relative_to(testing))
        for path in testing.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name.partition(".")[0] in payload
    }
    assert importing == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
