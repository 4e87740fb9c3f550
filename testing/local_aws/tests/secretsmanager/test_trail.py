"""The events of Secrets Manager that EventBridge gets from CloudTrail.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

import json
import uuid

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateInbox,
    CreateRotator,
    CreateSecret,
    Inbox,
    Json,
    error_code,
    eventually,
)


@pytest.fixture
def inbox(create_inbox: CreateInbox) -> Inbox:
    """A queue for all events of Secrets Manager that come from CloudTrail."""
    detail = {"eventSource": ["secretsmanager.amazonaws.com"]}
    created = create_inbox(source=["aws.secretsmanager"], detail=detail)
    created.allow_events()
    return created


def details(inbox: Inbox, name: str) -> list[Json]:
    """Return the details of all events with a name, as soon as there is one."""

    def received() -> list[Json]:
        found = []
        for message in inbox.queues.receive_message(QueueUrl=inbox.url, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            inbox.queues.delete_message(QueueUrl=inbox.url, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"])["detail"])
        return [detail for detail in found if detail["eventName"] == name]

    return eventually(f"the event {name}", received)


def test_a_call_that_changes_a_secret_is_an_event_and_a_read_is_not(
    account: Account, inbox: Inbox, create_secret: CreateSecret, secrets: Client
) -> None:
    """AWS: "Secrets Manager writes entries to your AWS CloudTrail log for all Secrets Manager
    operations", and EventBridge gets no "read-only" ones. The ARN is below "arn":
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
    """
    arn = create_secret(SecretString="first")
    secrets.describe_secret(SecretId=arn)
    secrets.delete_resource_policy(SecretId=arn)

    events = inbox.events()

    caller = account.client("sts").get_caller_identity()["Arn"]
    assert [event["detail"]["eventName"] for event in events] == [
        "CreateSecret",
        "DeleteResourcePolicy",
    ]
    assert {event["detail-type"] for event in events} == {"AWS API Call via CloudTrail"}
    deleted = events[-1]["detail"]
    assert deleted["responseElements"]["arn"] == arn
    assert deleted["requestParameters"]["secretId"] == arn
    assert deleted["userIdentity"]["arn"] == caller


def test_a_call_that_fails_is_an_event_without_the_arn_of_a_secret(
    inbox: Inbox, secrets: Client, name: str
) -> None:
    """AWS: errorCode is "The AWS service error if the request returns an error".
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
    """
    assert error_code(secrets.cancel_rotate_secret, SecretId=name)

    (failed,) = details(inbox, "CancelRotateSecret")
    assert failed["errorCode"] == "ResourceNotFoundException"
    assert failed["responseElements"] is None


def test_the_end_of_a_rotation_is_an_event_of_the_service(
    inbox: Inbox, create_rotator: CreateRotator, create_secret: CreateSecret, secrets: Client
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html#cloudtrail_log_entries_rotation"""
    arn = create_secret(SecretString="first")
    rotation = {"RotationLambdaARN": create_rotator().arn}
    secrets.rotate_secret(SecretId=arn, **rotation, RotationRules={"AutomaticallyAfterDays": 30})

    (ended,) = details(inbox, "RotationSucceeded")

    assert ended["additionalEventData"]["SecretId"] == arn
    assert ended["eventType"] == "AwsServiceEvent"


def test_a_failed_test_of_the_configuration_is_an_event(
    inbox: Inbox, create_rotator: CreateRotator, create_secret: CreateSecret, secrets: Client
) -> None:
    """AWS: TestRotationFailed is for a secret "that isn't scheduled for immediate rotation".
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html#cloudtrail_log_entries_rotation
    """
    arn = create_secret(SecretString="first", Tags=[{"Key": "fail", "Value": "testSecret"}])
    secrets.rotate_secret(
        SecretId=arn,
        RotationLambdaARN=create_rotator().arn,
        RotationRules={"AutomaticallyAfterDays": 30},
        RotateImmediately=False,
    )

    assert details(inbox, "TestRotationFailed")[0]["additionalEventData"]["SecretId"] == arn


def test_a_rotation_that_failed_is_an_event_and_a_value_that_is_stored_then_ends_it(
    inbox: Inbox, create_rotator: CreateRotator, create_secret: CreateSecret, secrets: Client
) -> None:
    """AWS: "Secrets Manager abandons rotation when you create a new version of a secret during
    rotation", and removes the label AWSPENDING.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html#cloudtrail_log_entries_rotation
    """
    arn = create_secret(SecretString="first", Tags=[{"Key": "fail", "Value": "setSecret"}])
    token = str(uuid.uuid4())
    secrets.rotate_secret(
        SecretId=arn,
        ClientRequestToken=token,
        RotationLambdaARN=create_rotator().arn,
        RotationRules={"AutomaticallyAfterDays": 30},
    )
    (failed,) = details(inbox, "RotationFailed")
    assert failed["additionalEventData"]["SecretId"] == arn

    secrets.put_secret_value(SecretId=arn, SecretString="by hand")

    (abandoned,) = details(inbox, "RotationAbandoned")
    assert abandoned["additionalEventData"]["SecretId"] == arn
    assert token not in secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "by hand"
