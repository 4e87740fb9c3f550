"""Secrets that nothing rotates also apply on moto's server, an emulator that is not ours.

moto doesn't run functions as AWS does, and waits minutes for a database.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import boto3
import pytest

from testing.harness.account import eventually
from testing.harness.terraform import Terraform

_EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
_VALUE: Final = '{"licence": "on-moto"}'
_ROTATES_NOTHING: Final = [
    path.parent.name
    for path in sorted(_EXAMPLES.glob("*/main.tf"))
    if not re.search(r"^  rotation +=", path.read_text(encoding="utf-8"), re.MULTILINE)
]
_ALL_OPTIONS: Final[Mapping[str, Any]] = {
    "provider": {"aws": {"default_tags": {"tags": {"owner": "reports"}}}},
    "resource": {
        "aws_iam_role": {
            "reader": {
                "name": "reader",
                "assume_role_policy": json.dumps({"Version": "2012-10-17", "Statement": []}),
            }
        },
        "aws_kms_key": {"this": {}},
    },
    "variable": {"licence": {"ephemeral": True}},
    "module": {
        "secret": {
            "source": "../",
            "administrators": ["123456789012"],
            "description": "The licence of the reports",
            "initial_value": "${var.licence}",
            "initial_value_version": 1,
            "kms_key_arn": "${aws_kms_key.this.arn}",
            "name": "reports/all-options",
            "policy_statements": {
                "OnlyFromOurNetwork": {
                    "effect": "Deny",
                    "actions": ["secretsmanager:GetSecretValue"],
                    "principals": {"AWS": ["*"]},
                    "conditions": {"StringNotEquals": {"aws:SourceVpce": ["vpce-1"]}},
                }
            },
            "readers": ["${aws_iam_role.reader.arn}", "123456789012"],
            "readers_exclusive": True,
            "recovery_window_in_days": 0,
            "replica_regions": {"eu-central-1": None},
            "tags": {"team": "reports"},
        }
    },
    "output": {"secret_arn": {"value": "${module.secret.secret_arn}"}},
}


@pytest.fixture(scope="module")
def environment(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which Terraform and boto3 reach a server of moto."""
    log = tmp_path_factory.mktemp("moto") / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(
            [cache / "moto" / "bin" / "moto_server", "--port=0"], stderr=file, stdout=file
        ) as server,
    ):
        found = eventually(
            "moto's address",
            lambda: re.search(r"Running on (http://127\.0\.0\.1:[0-9]+)", log.read_text()),
        )
        assert found
        yield {
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": found[1],
            "AWS_REGION": "eu-west-1",
            "AWS_SECRET_ACCESS_KEY": "moto",
        }
        server.terminate()


@pytest.mark.parametrize(
    "root",
    [
        *(pytest.param(f"examples/{name}", marks=pytest.mark.slow) for name in _ROTATES_NOTHING),
        "all-options",
    ],
)
def test_a_secret_that_nothing_rotates_applies_on_moto(
    root: str, environment: dict[str, str], module: Path
) -> None:
    if root == "all-options":
        (module / root).mkdir()
        (module / root / "main.tf.json").write_text(json.dumps(_ALL_OPTIONS), encoding="utf-8")
    variables = {"licence": _VALUE, "recovery_window_in_days": 0}
    terraform = Terraform(module, root, environment, variables)
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )
    secrets = session.client("secretsmanager", endpoint_url=environment["AWS_ENDPOINT_URL"])
    terraform.init()
    try:
        terraform.apply()
        arn = terraform.outputs()["secret_arn"]
        assert secrets.get_secret_value(SecretId=arn)["SecretString"] == _VALUE
        terraform.require_empty_plan()
    finally:
        terraform.destroy()
    assert secrets.list_secrets()["SecretList"] == []
