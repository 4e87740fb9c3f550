"""Each example is applied, rotated, made to fail, repaired and destroyed."""

import json
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from testing.databases.servers import Servers
from testing.harness.account import Aws, Secret, inventory, messages
from testing.harness.terraform import Terraform, TerraformError
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from testing.local_redis import LocalRedis
from tests.e2e.walk import Walk
from tests.policies import faults
from tests.strategies import ALL, StrategyUnderTest, case, secret_parts

_REPOSITORY = Path(__file__).resolve().parents[2]
_EXAMPLES = _REPOSITORY / "examples"


class _FixedValue(Walk):
    """Nothing rotates the secret; an operator writes its values."""

    guarded_by = "tests/e2e/test_values.py"

    def __init__(
        self,
        github: LocalGitHub,
        logins: LocalLogins | None,
        redis: LocalRedis,
        databases: Servers,
    ) -> None:
        super().__init__(github, logins, redis, databases)
        self.variables["licence"] = f"licence-{uuid.uuid4()}"

    def wait_for_the_first(self, secret: Secret) -> None:
        self._note(secret)

    def change(self, secret: Secret) -> None:
        secret.put(f"licence-{uuid.uuid4()}")
        self._note(secret)

    def fail_and_recover(self, aws: Aws, terraform: Terraform, secret: Secret) -> None:
        del aws
        licence = self.variables["licence"]
        terraform.set(licence=None)
        with pytest.raises(TerraformError, match='"licence" is not set'):
            terraform.apply()
        terraform.set(licence=licence)
        assert terraform.apply().endswith("0 added, 0 changed, 0 destroyed.")
        assert secret.text() == self.values[-1]

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        initial = secret.holder("INITIAL")
        assert initial is not None
        assert secret.text(initial) == self.values[0]


# Examples that rotate nothing.
_OTHERS: Final[dict[str, type[Walk]]] = {"fixed-value": _FixedValue}


def _marks(walk: type[Walk]) -> list[pytest.MarkDecorator]:
    return [
        *([pytest.mark.local_only(walk.local_only)] if walk.local_only else []),
        *([pytest.mark.slow] if walk.guarded_by else []),
    ]


def test_each_example_has_a_walk() -> None:
    walks = dict(_OTHERS)
    for strategy in ALL:
        assert not walks.keys() & strategy.walks.keys()
        walks |= strategy.walks
    assert sorted(walks) == sorted(path.parent.name for path in _EXAMPLES.glob("*/main.tf"))
    assert all(strategy.walks for strategy in ALL)
    guards = [walk.guarded_by for walk in walks.values() if walk.guarded_by]
    assert [path for path in guards if not (_REPOSITORY / path).is_file()] == []


@pytest.mark.parametrize(
    ("strategy", "example", "walk"),
    [
        *(
            pytest.param(None, example, walk, id=example, marks=_marks(walk))
            for example, walk in _OTHERS.items()
        ),
        *(
            case(strategy, example, walk, id=example, marks=_marks(walk))
            for strategy in ALL
            for example, walk in strategy.walks.items()
        ),
    ],
)
def test_example_keeps_its_promises(
    strategy: StrategyUnderTest | None,
    example: str,
    walk: type[Walk],
    aws: Aws,
    github: LocalGitHub,
    logins: LocalLogins | None,
    redis: LocalRedis,
    database_servers: Servers,
    module: Path,
) -> None:
    own = walk(github, logins, redis, database_servers)
    secret_fields = strategy.secret_fields if strategy else frozenset()
    before = inventory(aws)
    with own.prepared(aws):
        found = inventory(aws)
        terraform = Terraform(module, f"examples/{example}", aws.environment, own.variables)
        terraform.init()
        try:
            own.before_apply(aws, terraform)
            terraform.run("plan", "-out=first.tfplan")
            terraform.apply("first.tfplan")
            for address, policy in _policies(terraform):
                assert faults(policy) == [], address
            secret = Secret(aws, terraform.outputs()["secret_arn"])
            own.wait_for_the_first(secret)
            for _ in range(2):
                own.change(secret)
                own.require_promised(aws, secret)
            own.fail_and_recover(aws, terraform, secret)
            own.require_promised(aws, secret)
            own.conclude(terraform, secret)
            terraform.require_empty_plan("-out=second.tfplan")

            assert _leaks(aws, terraform, own.values, secret_fields) == []
        finally:
            terraform.destroy()
        assert inventory(aws) - found == own.left_behind()
    assert inventory(aws) == before


def _policies(terraform: Terraform) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the policies in the state: those of the example and those of the module."""
    modules = [json.loads(terraform.run("show", "-json"))["values"]["root_module"]]
    for module in modules:
        modules += module.get("child_modules", [])
        for resource in module.get("resources", []):
            for name in ("assume_role_policy", "policy"):
                if resource["mode"] == "managed" and resource["values"].get(name):
                    yield resource["address"], json.loads(resource["values"][name])


def _leaks(
    aws: Aws, terraform: Terraform, values: list[str], secret_fields: frozenset[str]
) -> list[str]:
    marks = [part.encode() for value in values for part in secret_parts(value, secret_fields)]
    assert len(marks) == len(values)
    return [
        place for place, content in _places(aws, terraform) for mark in marks if mark in content
    ]


def _places(aws: Aws, terraform: Terraform) -> Iterator[tuple[str, bytes]]:
    """Return everything that Terraform and the function wrote, except the secret."""
    yield "the output of Terraform", terraform.output.encode()
    outputs = terraform.outputs()
    yield "the outputs", json.dumps(outputs).encode()
    written = [path for path in terraform.folder.rglob("*") if path.is_file()]
    names = {path.name for path in written}
    assert {"first.tfplan", "second.tfplan", "terraform.tfstate"} <= names
    for path in written:
        if zipfile.is_zipfile(path):  # A plan file is one, too.
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path}: {name}", archive.read(name)
        elif "providers" not in path.parts:
            yield str(path), path.read_bytes()
    if "log_group_name" in outputs:
        logged = messages(aws, outputs["log_group_name"])
        assert logged
        yield "the log", "\n".join(logged).encode()
    for function in aws.client("lambda").list_functions()["Functions"]:
        yield function["FunctionName"], json.dumps(function, default=str).encode()
