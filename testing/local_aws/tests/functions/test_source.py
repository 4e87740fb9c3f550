"""The condition key lambda:SourceFunctionArn.

https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
"""

import json

import pytest

from testing.local_aws.tests.conftest import Account, CreateRotator, CreateSecret, Json, allow

EVENT = {"Step": "testSecret", "ClientRequestToken": "0" * 32}


def deny(**condition: object) -> Json:
    return {**allow("secretsmanager:DescribeSecret", "*", **condition), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("suffix", "outcome"),
    [
        pytest.param(None, "Unhandled", id="any"),
        pytest.param("", "Unhandled", id="this"),
        pytest.param("-another", None, id="another"),
    ],
)
def test_a_policy_can_name_the_function_that_makes_a_request(
    account: Account,
    create_secret: CreateSecret,
    create_rotator: CreateRotator,
    name: str,
    suffix: str | None,
    outcome: str | None,
) -> None:
    """AWS: "Lambda injects the source function ARN into the credentials context if the request is
    an AWS API request that comes from within your execution environment."
    """
    if suffix is None:
        condition = {"Null": {"lambda:SourceFunctionArn": "false"}}
    else:
        function = account.arn("lambda", f"function:{name}{suffix}")
        condition = {"ArnEquals": {"lambda:SourceFunctionArn": function}}
    rotator = create_rotator(allow("secretsmanager:*", "*"), deny(**condition))
    event = {**EVENT, "SecretId": create_secret(SecretString="a")}

    response = account.client("lambda").invoke(FunctionName=rotator.name, Payload=json.dumps(event))

    payload = str(json.load(response["Payload"]))
    assert response.get("FunctionError") == outcome
    assert ("AccessDeniedException" in payload) == (outcome is not None)
