"""Permissions for a version or an alias of a function.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from testing.local_aws.tests.conftest import Account, CreateRotator, error_code


def test_a_permission_for_latest_is_refused(
    account: Account, create_rotator: CreateRotator
) -> None:
    """AWS: "We currently do not support adding policies for $LATEST."
    https://github.com/terraform-aws-modules/terraform-aws-lambda/issues/36
    """
    rotator, functions = create_rotator(), account.client("lambda")
    permission = {
        "StatementId": "latest",
        "Action": "lambda:InvokeFunction",
        "Principal": "secretsmanager.amazonaws.com",
    }

    for where in (
        {"FunctionName": rotator.name, "Qualifier": "$LATEST"},
        {"FunctionName": f"{rotator.arn}:$LATEST"},
    ):
        assert error_code(functions.add_permission, **permission, **where) == (
            "InvalidParameterValueException"
        )
    assert error_code(functions.add_permission, **permission, FunctionName=rotator.arn) == ""
