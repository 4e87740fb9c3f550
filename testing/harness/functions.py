"""Creates a rotation function that is not this module's: AWS's template, or an existing one."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from testing.harness.account import Aws


def create(
    aws: Aws,
    name: str,
    code: Mapping[str, str],
    environment: Mapping[str, str],
    actions: Sequence[str] = ("logs:*", "secretsmanager:*"),
) -> str:
    """Create a function that Secrets Manager may invoke, and return its ARN.

    Args:
        aws: the account.
        name: the name of the function and of its role.
        code: the files; lambda_function.py has the function lambda_handler.
        environment: the variables of the function.
        actions: what its role allows. Without a grant on logs, it leaves no log group behind.
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
        PolicyDocument=_policy(Action=list(actions), Resource="*"),
    )
    arn: str = aws.client("lambda").create_function(
        FunctionName=name,
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": dict(environment)},
        Handler="lambda_function.lambda_handler",
        Role=role["Arn"],
        Runtime="python3.13",
        Timeout=60,
    )["FunctionArn"]
    permit(aws, name)
    return arn


def permit(aws: Aws, name: str, **source: str) -> None:
    """Let Secrets Manager invoke a function, from this source only if one is given."""
    aws.client("lambda").add_permission(
        FunctionName=name,
        StatementId="rotation",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
        **source,
    )


def delete(aws: Aws, name: str) -> None:
    """Delete a function that create made, and its role."""
    aws.client("lambda").delete_function(FunctionName=name)
    aws.client("iam").delete_role_policy(RoleName=name, PolicyName="rotation")
    aws.client("iam").delete_role(RoleName=name)


def _policy(**statement: object) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    return json.dumps(document)
