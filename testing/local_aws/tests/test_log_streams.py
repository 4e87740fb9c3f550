"""Permissions for log groups and log streams.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateUser,
    allow,
    error_code,
    eventual_code,
)

EVENTS = [{"timestamp": 0, "message": "contract"}]


@pytest.fixture
def group(account: Account, later: contextlib.ExitStack, name: str) -> str:
    logs = account.client("logs")
    logs.create_log_group(logGroupName=name)
    later.callback(logs.delete_log_group, logGroupName=name)
    for stream in ("one", "two"):
        logs.create_log_stream(logGroupName=name, logStreamName=stream)
    return name


def put(logs: Client, group: str, stream: str) -> str:
    where = {"logGroupName": group, "logStreamName": stream}
    return error_code(logs.put_log_events, **where, logEvents=EVENTS)


def test_a_permission_for_a_group_covers_its_streams(
    account: Account, create_user: CreateUser, group: str
) -> None:
    """AWS: "Use the second version, with the trailing :*, to refer to the ARN when specifying
    permissions in IAM policies for all other API actions" than those about tags.
    """
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    logs = create_user(allow(actions, account.arn("logs", f"log-group:{group}:*"))).client("logs")

    created = eventual_code(logs.create_log_stream, "", logGroupName=group, logStreamName="three")

    assert created == ""
    assert put(logs, group, "three") == ""
    assert put(logs, f"{group}-other", "three") == "AccessDeniedException"


def test_a_permission_for_a_stream_covers_no_other_stream(
    account: Account, create_user: CreateUser, group: str
) -> None:
    """AWS: a stream is "log-group:log_group_name:log-stream:log-stream-name"."""
    stream = account.arn("logs", f"log-group:{group}:log-stream:one")
    logs = create_user(allow("logs:PutLogEvents", stream)).client("logs")

    where = {"logGroupName": group, "logStreamName": "one"}
    assert eventual_code(logs.put_log_events, "", **where, logEvents=EVENTS) == ""
    assert put(logs, group, "two") == "AccessDeniedException"
