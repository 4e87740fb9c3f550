"""The log level that Lambda's Python runtime sets, and the sleep of a function.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    CreateSecret,
    eventually,
)


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_the_log_level_of_a_function_applies_to_its_libraries(
    level: str,
    account: Account,
    secrets: Client,
    create_secret: CreateSecret,
    create_rotator: CreateRotator,
) -> None:
    """The runtime sets the level of the root logger:
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
    """
    arn, rotator = create_secret(), create_rotator()
    functions, logs = account.client("lambda"), account.client("logs")
    functions.update_function_configuration(
        FunctionName=rotator.name,
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": level},
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=rotator.name)

    secrets.rotate_secret(
        SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules={"AutomaticallyAfterDays": 30}
    )

    def messages() -> list[str]:
        page = logs.filter_log_events(logGroupName=f"/aws/lambda/{rotator.name}")
        return [event["message"] for event in page["events"]]

    logged = eventually("the last step", messages, lambda found: "finishSecret" in str(found))
    assert ("DEBUG:botocore" in str(logged)) == (level == "DEBUG")


def test_a_switch_lets_a_sleep_return_at_once(
    local: LocalAws, secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator
) -> None:
    arn, rotator = create_secret(Tags=[{"Key": "sleep", "Value": "3600"}]), create_rotator()
    monthly = {"AutomaticallyAfterDays": 30}
    with local.switched(functions_longest_sleep=0):
        secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=monthly)
        assert [record["step"] for record in rotator.records(4)][-1] == "finishSecret"
