"""The size of a function's environment variables.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import pytest
from botocore.exceptions import ClientError

from testing.local_aws.tests.conftest import Account, CreateRotator, eventual_code

REFUSED = "InvalidParameterValueException"
FRAME = len('{"A":""}')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("a" * (4096 - FRAME), "", id="4096-bytes"),
        pytest.param("a" * (4097 - FRAME), REFUSED, id="4097-bytes"),
        pytest.param('"' * 2048, REFUSED, id="a-quote-has-two-bytes"),
        pytest.param('"' * 2044, "", id="quotes-of-4096-bytes"),
        pytest.param("é" * 2045, REFUSED, id="not-ascii"),
    ],
)
def test_the_json_of_the_variables_has_at_most_4096_bytes(
    account: Account, create_rotator: CreateRotator, value: str, expected: str
) -> None:
    """AWS: "4 KB, for all environment variables associated with the function, in aggregate". The
    error quotes what it measures, with a backslash before each quote:
    https://github.com/github-aws-runners/terraform-aws-github-runner/issues/3594
    """
    rotator, functions = create_rotator(), account.client("lambda")
    arguments = {"FunctionName": rotator.name, "Environment": {"Variables": {"A": value}}}

    code = eventual_code(functions.update_function_configuration, expected, **arguments)

    assert code == expected


def test_a_function_with_a_larger_environment_is_not_created(account: Account, name: str) -> None:
    role = account.arn("iam", f"role/{name}")
    arguments = {
        "FunctionName": name,
        "Role": role,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Code": {"ZipFile": b"-"},
    }

    with pytest.raises(ClientError, match="exceeded the 4KB limit"):
        account.client("lambda").create_function(
            **arguments, Environment={"Variables": {"A": "a" * 4096}}
        )
