"""Each example is applied, rotated, broken, mended and destroyed; all take the same walk."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.harness.account import Aws, Secret, inventory, messages
from testing.harness.terraform import Terraform
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from testing.local_redis import LocalRedis
from tests.e2e.scenarios import scenario, secret_parts

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize(
    "example", sorted(path.parent.name for path in _EXAMPLES.glob("*/main.tf"))
)
def test_example_keeps_its_promises(
    example: str,
    aws: Aws,
    github: LocalGitHub,
    logins: LocalLogins | None,
    redis: LocalRedis,
    module: Path,
) -> None:
    own = scenario(example, github, logins, redis)
    before = inventory(aws)
    with own.prepared(aws):
        found = inventory(aws)
        terraform = Terraform(module, f"examples/{example}", aws.environment, own.variables)
        terraform.init()
        terraform.run("plan", "-out=first.tfplan")
        try:
            terraform.apply("first.tfplan")
            secret = Secret(aws, terraform.outputs()["secret_arn"])
            own.wait_for_the_first(secret)
            for _ in range(2):
                own.change(secret)
                own.require_promised(aws, secret)
            own.fail_and_recover(aws, terraform, secret)
            own.require_promised(aws, secret)
            own.conclude(terraform, secret)
            terraform.require_empty_plan("-out=second.tfplan")

            assert _leaks(aws, terraform, own.values) == []
        finally:
            terraform.destroy()
        assert inventory(aws) - found == own.left_behind()
    assert inventory(aws) == before


def _leaks(aws: Aws, terraform: Terraform, values: list[str]) -> list[str]:
    marks = [part.encode() for value in values for part in secret_parts(value)]
    assert len(marks) == len(values)
    return [
        place for place, content in _places(aws, terraform) for mark in marks if mark in content
    ]


def _places(aws: Aws, terraform: Terraform) -> Iterator[tuple[str, bytes]]:
    """Everything that Terraform and the function wrote, except into the secret."""
    yield "output of Terraform", terraform.output.encode()
    outputs = terraform.outputs()
    yield "the outputs", json.dumps(outputs).encode()
    written = [path for path in terraform.folder.rglob("*") if path.is_file()]
    names = {path.name for path in written}
    assert {"first.tfplan", "second.tfplan", "terraform.tfstate"} <= names
    for path in written:
        if zipfile.is_zipfile(path):  # A plan is one, too.
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
