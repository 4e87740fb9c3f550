"""Which function's code a request comes from.

https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
"""

import json

import pytest

from testing.local_aws.tests.conftest import Account, CreateRotator, CreateSecret, Json, allow

EVENT = {"Step": "testSecret", "ClientRequestToken": "0" * 32}


def denied(**condition: object) -> Json:
    return {**allow("secretsmanager:DescribeSecret", "*", **condition), "Effect": "Deny"}


@pytest.mark.parametrize(
    ("of_which", "outcome"),
    [
        pytest.param(None, "Unhandled", id="any"),
        pytest.param("", "Unhandled", id="this"),
        pytest.param("-another", None, id="another"),
    ],
)
def test_a_policy_may_name_the_function_that_asks(
    account: Account,
    create_secret: CreateSecret,
    create_rotator: CreateRotator,
    name: str,
    of_which: str | None,
    outcome: str | None,
) -> None:
    """AWS: "Lambda injects the source function ARN into the credentials context if the request is
    an AWS API request that comes from within your execution environment."
    """
    if of_which is None:
        condition = {"Null": {"lambda:SourceFunctionArn": "false"}}
    else:
        function = account.arn("lambda", f"function:{name}{of_which}")
        condition = {"ArnEquals": {"lambda:SourceFunctionArn": function}}
    rotator = create_rotator(allow("secretsmanager:*", "*"), denied(**condition))
    event = {**EVENT, "SecretId": create_secret(SecretString="a")}

    answer = account.client("lambda").invoke(FunctionName=rotator.name, Payload=json.dumps(event))

    said = str(json.load(answer["Payload"]))
    assert answer.get("FunctionError") == outcome
    assert ("AccessDeniedException" in said) == (outcome is not None)
