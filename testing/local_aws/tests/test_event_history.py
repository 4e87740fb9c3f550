"""The event history of CloudTrail.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
"""

import json
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from testing.local_aws import LocalAws
from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    CreateUser,
    Json,
    allow,
)

pytestmark = pytest.mark.local_only("AWS delivers an event up to 15 minutes later.")

SOURCE = {"AttributeKey": "EventSource", "AttributeValue": "secretsmanager.amazonaws.com"}


@pytest.fixture
def _recording(local: LocalAws) -> None:
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{local.environment['AWS_ENDPOINT_URL']}/_ministack/config",
        json.dumps({"cloudtrail._recording_enabled": "true"}).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        assert b"true" in response.read()


def look_up(account: Account, **period: datetime) -> list[Json]:
    pages = account.client("cloudtrail").get_paginator("lookup_events")
    found = pages.paginate(LookupAttributes=[SOURCE], **period)
    return [json.loads(one["CloudTrailEvent"]) for page in found for one in page["Events"]]


@pytest.mark.usefixtures("_recording")
def test_a_call_has_its_parameters_and_its_caller(
    account: Account, create_user: CreateUser, create_secret: CreateSecret, name: str
) -> None:
    arn = create_secret(SecretString="hidden")
    user = create_user(allow("secretsmanager:GetSecretValue", arn))
    user.client("secretsmanager").get_secret_value(SecretId=name, VersionStage="AWSCURRENT")
    read, create = look_up(account)[:2]
    assert (read["eventName"], read["requestParameters"]) == (
        "GetSecretValue",
        {"secretId": name, "versionStage": "AWSCURRENT"},
    )
    assert read["userIdentity"]["arn"] == account.arn("iam", f"user/{name}")
    assert create["eventName"] == "CreateSecret"
    assert create["requestParameters"].keys() == {"name", "clientRequestToken"}
    assert "hidden" not in json.dumps(create)


@pytest.mark.usefixtures("_recording")
def test_a_session_has_its_role(account: Account, iam: Client) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    role = iam.create_role(
        RoleName="history", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]})
    )["Role"]["Arn"]
    iam.put_role_policy(
        RoleName="history",
        PolicyName="read",
        PolicyDocument=json.dumps({"Statement": [allow("secretsmanager:ListSecrets", "*")]}),
    )
    key = account.client("sts").assume_role(RoleArn=role, RoleSessionName="mona")["Credentials"]
    account.with_key(key).client("secretsmanager").list_secrets()
    identity = look_up(account)[0]["userIdentity"]
    assert identity["arn"] == account.arn("sts", "assumed-role/history/mona").replace(
        f":{account.region}:", "::"
    )
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role
    iam.delete_role_policy(RoleName="history", PolicyName="read")
    iam.delete_role(RoleName="history")


@pytest.mark.usefixtures("_recording")
def test_the_history_has_pages_and_a_period(account: Account, secrets: Client) -> None:
    for _ in range(60):
        secrets.list_secrets()
    events = look_up(account)
    assert len({event["eventID"] for event in events}) == len(events) >= 60
    later = datetime.now(UTC) + timedelta(days=1)
    assert look_up(account, StartTime=later, EndTime=later + timedelta(days=1)) == []
