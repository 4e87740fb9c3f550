"""Measures the rotation of a random value, with deployed functions in the local AWS."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.measure import Usage, in_turn, median, ratio
from bench.page import table
from testing.harness import functions
from testing.harness.account import Secret, eventually
from testing.harness.terraform import Terraform, checkout
from testing.local_aws import local_aws
from tests.faults.proxy import proxy
from tests.load.deployment import package

if TYPE_CHECKING:
    from bench.measure import Options
    from testing.local_aws import LocalAws

_OURS: Final = "bench"
_TEMPLATE: Final = "template"
_FILE: Final = Path("SecretsManagerRotationTemplate", "lambda_function.py")
_ENDPOINT: Final = "SECRETS_MANAGER_ENDPOINT"
_PAUSE_SECONDS: Final = 0.005


def measure(options: Options) -> list[str]:
    """Return the table."""
    with local_aws() as aws, ExitStack() as stack:
        secrets = {_OURS: _deploy(aws, stack.enter_context(checkout()))}
        if options.aws_templates:
            code = (options.aws_templates / _FILE).read_text(encoding="utf-8")
            secrets[_TEMPLATE] = _deploy_template(aws, code)
        for secret in secrets.values():
            secret.wait_for_a_value()
            _rotate(secret)
        rivals = {name: partial(_rotate, secret) for name, secret in secrets.items()}
        used = in_turn(options.runs, rivals)
        calls = _count(aws, secrets)
    rows = [
        [
            "this module" if name == _OURS else "AWS's generic template",
            calls[name],
            f"{median(one, 'wall') * 1000:.0f}",
            f"{ratio(used[_OURS], one, 'wall'):.2f}",
        ]
        for name, one in used.items()
    ]
    return table(["function of", "calls of AWS", "rotation, ms", "this module's ratio"], rows)


def _rotate(secret: Secret) -> Usage:
    began = time.monotonic()
    rotation = secret.rotate()
    eventually("The rotation", lambda: secret.has_rotated(rotation), pause=_PAUSE_SECONDS)
    return Usage(wall=time.monotonic() - began)


def _deploy(aws: LocalAws, folder: Path) -> Secret:
    (folder / "bench").mkdir()
    arguments = {"source": "./..", "name": _OURS, "rotation": {"random_value": {}}}
    root = {
        "module": {"bench": {**arguments, "function": {"name": _OURS}}},
        "output": {"arn": {"value": "${module.bench.secret_arn}"}},
    }
    (folder / "bench" / "main.tf.json").write_text(json.dumps(root), encoding="utf-8")
    terraform = Terraform(folder, "bench", aws.environment, {})
    terraform.init()
    terraform.apply()
    return Secret(aws, terraform.outputs()["arn"])


def _deploy_template(aws: LocalAws, code: str) -> Secret:
    """Create a secret with the template, in which the steps for a service are still to be written.

    Both do nothing then, as for a random value.
    """
    code = code.replace("raise NotImplementedError", "return")
    arn = functions.create(
        aws, _TEMPLATE, {"lambda_function.py": code}, _endpoint(aws.endpoint_url)
    )
    client = aws.client("secretsmanager")
    client.create_secret(Name=_TEMPLATE, SecretString="a value")
    client.rotate_secret(
        SecretId=_TEMPLATE, RotationLambdaARN=arn, RotationRules={"AutomaticallyAfterDays": 30}
    )
    return Secret(aws, _TEMPLATE)


def _endpoint(url: str) -> dict[str, str]:
    return {_ENDPOINT: url}


def _count(aws: LocalAws, secrets: dict[str, Secret]) -> dict[str, int]:
    """Count the calls of one rotation by a proxy between the functions and the local AWS."""
    client = aws.client("lambda")
    calls = {}
    with proxy(aws.endpoint_url) as between, aws.switched(function_endpoint_url=between.url):
        for name, secret in secrets.items():
            if name == _TEMPLATE:
                variables = {"Variables": _endpoint(between.url)}
                client.update_function_configuration(FunctionName=name, Environment=variables)
            client.update_function_code(FunctionName=name, ZipFile=package(aws, name))
            between.strike(None)
            secret.rotate_and_wait()
            calls[name] = len(between.calls)
    return calls
