"""A secret that a function of AWS's template rotates, and the steps that move it here."""

import contextlib
import json
import os
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from testing.harness import functions
from testing.harness.account import Aws, Secret, eventually
from testing.harness.terraform import Terraform
from tests.readme.blocks import REPOSITORY, block
from tests.tools.terminal import Terminal, install

_NAME: Final = "app/database"
_FUNCTION: Final = "template"
# It stores a password, and fails before the server has it.
_CODE: Final = """
import os

import boto3


def lambda_handler(event, _context):
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    labels = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    if event["Step"] != "createSecret" or "AWSPENDING" not in labels.get(token, []):
        raise ValueError(event["Step"])
    client.put_secret_value(
        SecretId=secret,
        ClientRequestToken=token,
        SecretString=os.environ["PENDING"],
        VersionStages=["AWSPENDING"],
    )
"""


@contextlib.contextmanager
def unfinished(
    aws: Aws, current: Mapping[str, str], pending: Mapping[str, str]
) -> Iterator[Secret]:
    """Create the secret, its function and its schedule, and leave a rotation unfinished.

    The block ends with the last step of the page: it deletes the function and its role.
    """
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name=_NAME, SecretString=json.dumps(current))["ARN"]
    environment = {"PENDING": json.dumps(pending)}
    function = functions.create(
        aws, _FUNCTION, {"lambda_function.py": _CODE}, environment, ["secretsmanager:*"]
    )
    secrets.rotate_secret(
        SecretId=arn, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30}
    )
    secret = Secret(aws, _NAME)
    eventually("The stored password", lambda: secret.text("AWSPENDING"))
    try:
        yield secret
    finally:
        functions.delete(aws, _FUNCTION)


def give_up_and_import(aws: Aws, terraform: Terraform) -> None:
    """Take the steps of the page between the statements and the apply."""
    command, _ = block("run", "give-up").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        tool = install(REPOSITORY / "tools" / "rotating_secret", Path(folder))
        path = os.pathsep.join([str(tool), os.environ["PATH"]])
        ended = Terminal(environment={**aws.environment, "PATH": path}).run(
            *shlex.split(command.replace("reports/uploader", _NAME))
        )
    assert ended.code == 0, ended.screen
    (address,) = block("run", "from-aws-template").split("'")[1::2]
    found = aws.client("secretsmanager").describe_secret(SecretId=_NAME)
    terraform.run("import", address, found["ARN"])
