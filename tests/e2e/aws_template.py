"""A secret that a function of AWS's template rotates, and the steps that move it here."""

import contextlib
import io
import json
import os
import shlex
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

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


def handler(event, _context):
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
    secrets, functions, iam = aws.client("secretsmanager"), aws.client("lambda"), aws.client("iam")
    arn = secrets.create_secret(Name=_NAME, SecretString=json.dumps(current))["ARN"]
    role = iam.create_role(
        RoleName=_FUNCTION,
        AssumeRolePolicyDocument=_allow(
            "sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}
        ),
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName=_FUNCTION,
        PolicyName=_FUNCTION,
        PolicyDocument=_allow("secretsmanager:*", Resource=arn),
    )
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("template.py", _CODE)
    function = functions.create_function(
        FunctionName=_FUNCTION,
        Role=role,
        Runtime="python3.13",
        Handler="template.handler",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"PENDING": json.dumps(pending)}},
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=_FUNCTION,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    secrets.rotate_secret(
        SecretId=arn, RotationLambdaARN=function, RotationRules={"AutomaticallyAfterDays": 30}
    )
    secret = Secret(aws, _NAME)
    eventually("The stored password", lambda: secret.text("AWSPENDING"))
    try:
        yield secret
    finally:
        functions.delete_function(FunctionName=_FUNCTION)
        iam.delete_role_policy(RoleName=_FUNCTION, PolicyName=_FUNCTION)
        iam.delete_role(RoleName=_FUNCTION)


def _allow(action: str, **rest: object) -> str:
    statement = {"Effect": "Allow", "Action": action, **rest}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


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
