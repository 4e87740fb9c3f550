"""The events of a quarter, as a trail records them.

recorded.json has calls that the local AWS recorded: those of a function in one rotation, and those
of an operator. They get the form of AWS's pages, because the local AWS records no role, no refusal
and no event of a rotation:
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
_RECORDED: Final[Json] = json.loads(Path(__file__).with_name("recorded.json").read_text())
# The local AWS records the fields of a call that AWS leaves out.
_LEFT_OUT: Final = {"SecretString"}


def arn(name: str) -> str:
    """Return the ARN of a secret."""
    return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-a1B2c3"


def role(name: str) -> Json:
    """Return the identity of a session of a role."""
    issuer = {
        "type": "Role",
        "principalId": "AROAEXAMPLE",
        "arn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
        "accountId": ACCOUNT,
        "userName": name,
    }
    return {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLE:session",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/session",
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": issuer,
            "attributes": {"creationDate": "2026-06-01T00:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def user(name: str) -> Json:
    """Return the identity of an IAM user."""
    return {
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLE",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": "AKIAEXAMPLE",
        "userName": name,
    }


def _event(name: str, at: str, identity: Json, **fields: object) -> Json:
    return {
        "eventVersion": "1.11",
        "userIdentity": identity,
        "eventTime": at,
        "eventSource": "secretsmanager.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "Boto3",
        "requestParameters": None,
        "responseElements": None,
        "requestID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"request {name} {at}")),
        "eventID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"event {name} {at} {identity} {fields}")),
        "readOnly": name.startswith(("BatchGet", "Describe", "Get", "List")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        **fields,
    }


def call(name: str, at: str, identity: Json, parameters: Json, *, refused: bool = False) -> Json:
    """Return the event of a call; CloudTrail writes the names of parameters with a small letter."""
    written = {key[0].lower() + key[1:]: value for key, value in parameters.items()}
    denied = {"errorCode": "AccessDenied", "errorMessage": "User is not authorized"}
    return _event(name, at, identity, requestParameters=written, **(denied if refused else {}))


def service_event(name: str, at: str, secret: str, **fields: object) -> Json:
    """Return an event of a rotation, in the form of a published one: AWS documents no example."""
    return _event(
        name,
        at,
        {"accountId": ACCOUNT, "invokedBy": "secretsmanager.amazonaws.com"},
        additionalEventData={"SecretId": arn(secret)},
        eventType="AwsServiceEvent",
        sourceIPAddress="secretsmanager.amazonaws.com",
        userAgent="secretsmanager.amazonaws.com",
        **fields,
    )


def _replayed(kind: str, secret: str, at: str, identity: Json) -> list[Json]:
    """Return the recorded calls as those of another secret, one second after the other."""
    text = json.dumps(_RECORDED[kind]).replace("reports/uploader", secret)
    start = datetime.fromisoformat(at)
    return [
        call(
            one["eventName"],
            (start + timedelta(seconds=number)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            identity,
            {key: value for key, value in one["requestParameters"].items() if key not in _LEFT_OUT},
        )
        for number, one in enumerate(json.loads(text))
    ]


def _rotation(secret: str, day: str, *, fails: bool = False) -> list[Json]:
    function = role(f"rotate-{secret.replace('/', '-')}")
    end = "RotationFailed" if fails else "RotationSucceeded"
    problem = {"errorMessage": "Error when executing lambda"} if fails else {}
    return [
        service_event("RotationStarted", f"{day}T08:00:00Z", secret),
        *_replayed("function", secret, f"{day}T08:00:01Z", function),
        service_event(end, f"{day}T08:01:00Z", secret, **problem),
    ]


_MONA: Final = user("mona")
_DEPLOYER: Final = role("deployer")

QUARTER: Final[list[Json]] = [
    # Just before and after the period, and of another service.
    call("GetSecretValue", "2026-06-30T23:59:59Z", _MONA, {"SecretId": arn("reports/uploader")}),
    call("GetSecretValue", "2026-10-01T00:00:00Z", _MONA, {"SecretId": arn("reports/uploader")}),
    {
        **call("PutParameter", "2026-08-02T00:00:00Z", _MONA, {"Name": "reports/uploader"}),
        "eventSource": "ssm.amazonaws.com",
    },
    # A secret in good order. A reader names it in three ways.
    *(
        event
        for day in ("07-10", "08-09", "09-08")
        for event in _rotation("reports/uploader", f"2026-{day}")
    ),
    call(
        "GetSecretValue",
        "2026-07-11T00:00:00Z",
        role("application"),
        {"SecretId": "reports/uploader"},
    ),
    call(
        "GetSecretValue",
        "2026-07-12T00:00:00Z",
        role("application"),
        {"SecretId": arn("reports/uploader"), "VersionStage": "AWSCURRENT"},
    ),
    call(
        "GetSecretValue",
        "2026-07-13T00:00:00Z",
        role("application"),
        {"SecretId": arn("reports/uploader").removesuffix("-a1B2c3")},
    ),
    call(
        "GetSecretValue",
        "2026-07-14T00:00:00Z",
        _MONA,
        {"SecretId": "reports/uploader"},
        refused=True,
    ),
    # In the trail of the secret's account, a caller of another one has no ARN.
    call(
        "GetSecretValue",
        "2026-07-15T00:00:00Z",
        {"type": "AWSAccount", "principalId": "AROAEXAMPLE:session", "accountId": "999999999999"},
        {"SecretId": arn("reports/uploader")},
    ),
    *_replayed("operator", "reports/uploader", "2026-09-15T10:00:00Z", _DEPLOYER),
    # Made in the quarter, and its rotations fail.
    call("CreateSecret", "2026-08-01T00:00:00Z", _DEPLOYER, {"Name": "reports/signing"}),
    call("RotateSecret", "2026-08-01T00:00:01Z", _DEPLOYER, {"SecretId": arn("reports/signing")}),
    *_rotation("reports/signing", "2026-08-02", fails=True),
    # Its rotation was switched off. Someone else couldn't.
    *_rotation("reports/legacy", "2026-07-05"),
    call("CancelRotateSecret", "2026-07-20T00:00:00Z", _MONA, {"SecretId": "reports/legacy"}),
    call(
        "CancelRotateSecret",
        "2026-07-21T00:00:00Z",
        _MONA,
        {"SecretId": "reports/uploader"},
        refused=True,
    ),
    # Deleted, and deleted but restored.
    *_rotation("reports/gone", "2026-07-05"),
    call("DeleteSecret", "2026-07-06T00:00:00Z", _DEPLOYER, {"SecretId": arn("reports/gone")}),
    *_rotation("reports/kept", "2026-07-05"),
    call("DeleteSecret", "2026-07-06T00:00:00Z", _DEPLOYER, {"SecretId": arn("reports/kept")}),
    call(
        "CancelRotateSecret",
        "2026-07-21T00:00:00Z",
        _MONA,
        {"SecretId": "reports/kept"},
        refused=True,
    ),
    call("RestoreSecret", "2026-07-07T00:00:00Z", _DEPLOYER, {"SecretId": arn("reports/kept")}),
    # Nothing rotates it, so it can't be overdue.
    call("CreateSecret", "2026-07-01T00:00:00Z", _DEPLOYER, {"Name": "reports/fixed"}),
]
