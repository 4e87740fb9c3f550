"""Creates a rotation function in the local AWS, for AWS's template and for an existing function."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testing.local_aws import LocalAws


def create(
    aws: LocalAws, name: str, code: Mapping[str, str], environment: Mapping[str, str]
) -> str:
    """Create a function that Secrets Manager may invoke, and return its ARN.

    Args:
        aws: the account.
        name: the name of the function and of its role.
        code: the files; lambda_function.py has the function lambda_handler.
        environment: the variables of the function.
    """
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        for file, text in code.items():
            archive.writestr(file, text)
    trusted = {"Service": "lambda.amazonaws.com"}
    role = aws.client("iam").create_role(
        RoleName=name,
        AssumeRolePolicyDocument=_policy(Action="sts:AssumeRole", Principal=trusted),
    )["Role"]
    aws.client("iam").put_role_policy(
        RoleName=name,
        PolicyName="rotation",
        PolicyDocument=_policy(Action=["logs:*", "secretsmanager:*"], Resource="*"),
    )
    functions = aws.client("lambda")
    arn: str = functions.create_function(
        FunctionName=name,
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": dict(environment)},
        Handler="lambda_function.lambda_handler",
        Role=role["Arn"],
        Runtime="python3.13",
        Timeout=60,
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=name,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )
    return arn


def _policy(**statement: object) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return json.dumps(document)
