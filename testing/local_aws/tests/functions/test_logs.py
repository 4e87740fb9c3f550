"""The log records of a function.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    CreateSecret,
    allow,
    eventually,
)

RULES = {"AutomaticallyAfterDays": 30}


def test_a_function_without_log_permissions_logs_nothing(
    account: Account, secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator
) -> None:
    """AWS: "Your function's execution role needs permission to upload logs to CloudWatch Logs."
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
    """
    arn = create_secret()
    rotator = create_rotator(allow("secretsmanager:*", arn), may_log=False)

    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=RULES)
    eventually("the rotation", lambda: "LastRotatedDate" in secrets.describe_secret(SecretId=arn))

    group = f"/aws/lambda/{rotator.name}"
    streams = account.client("logs").describe_log_streams(logGroupName=group)["logStreams"]
    assert streams == []


def test_a_function_that_may_not_create_its_log_group_logs_nothing(
    account: Account, secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator
) -> None:
    arn, rotator = create_secret(), create_rotator()
    logs = account.client("logs")
    group = f"/aws/lambda/{rotator.name}"
    logs.delete_log_group(logGroupName=group)

    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=RULES)
    eventually("the rotation", lambda: "LastRotatedDate" in secrets.describe_secret(SecretId=arn))

    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    logs.create_log_group(logGroupName=group)


def test_a_record_below_the_configured_level_is_dropped(
    account: Account, secrets: Client, create_secret: CreateSecret, create_rotator: CreateRotator
) -> None:
    """AWS: "Lambda can filter your function's logs so that only logs of a certain detail level or
    lower are sent to CloudWatch Logs."
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    arn, rotator = create_secret(), create_rotator()
    functions = account.client("lambda")
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN"}
    functions.update_function_configuration(FunctionName=rotator.name, LoggingConfig=logging)

    def updated() -> bool:
        configuration = functions.get_function_configuration(FunctionName=rotator.name)
        return bool(configuration["LastUpdateStatus"] == "Successful")

    eventually("the update", updated)
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=rotator.arn, RotationRules=RULES)
    rotator.records(4)

    assert {record["level"] for record in rotator.read_records()} == {"WARN"}
