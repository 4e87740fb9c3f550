"""Permissions of services and other accounts to invoke a function.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import contextlib
import json
import uuid
from collections.abc import Callable

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateInbox,
    CreateRotator,
    CreateSecret,
    CreateUser,
    Rotator,
    allow,
    error_code,
)

DENIED = "AccessDeniedException"
INVOKE = "lambda:InvokeFunction"


def allow_invoke(account: Account, rotator: Rotator, principal: str, **source: str) -> None:
    account.client("lambda").add_permission(
        FunctionName=rotator.name,
        StatementId=uuid.uuid4().hex,
        Action=INVOKE,
        Principal=principal,
        **source,
    )


def test_another_account_needs_the_policy_of_the_function(
    account: Account, another: Account, create_rotator: CreateRotator, create_secret: CreateSecret
) -> None:
    """AWS: cross-account access needs "the resource-based policy" and the principal's own.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
    """
    rotator = create_rotator()
    event = {"Step": "setSecret", "SecretId": create_secret(), "ClientRequestToken": "0" * 32}
    call = {"FunctionName": rotator.arn, "Payload": json.dumps(event)}
    invoke = another.client("lambda").invoke

    before = error_code(invoke, **call)
    allow_invoke(account, rotator, another.account_id)

    assert (before, error_code(invoke, **call)) == (DENIED, "")
    assert rotator.records(1)[0]["secret_id"] == event["SecretId"]


def test_a_function_rotates_a_secret_of_another_account_if_its_policy_allows_that(
    account: Account,
    another: Account,
    create_rotator: CreateRotator,
    later: contextlib.ExitStack,
    name: str,
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html"""
    rotator, secrets = create_rotator(), another.client("secretsmanager")
    arn = secrets.create_secret(Name=name, SecretString="a")["ARN"]
    later.callback(secrets.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
    rules = {"AutomaticallyAfterDays": 30}
    rotation = {"SecretId": arn, "RotationLambdaARN": rotator.arn, "RotationRules": rules}

    def start() -> str:
        return error_code(secrets.rotate_secret, **rotation)

    codes = [start()]
    allow_invoke(account, rotator, another.account_id)
    # So far, Secrets Manager may invoke the function only for secrets of the function's account.
    codes.append(start())
    source = {"SourceAccount": another.account_id}
    allow_invoke(account, rotator, "secretsmanager.amazonaws.com", **source)
    codes.append(start())

    assert codes == [DENIED, DENIED, ""]


def test_an_event_reaches_a_function_only_if_its_policy_allows_eventbridge(
    account: Account,
    create_rotator: CreateRotator,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    name: str,
) -> None:
    """AWS: "To invoke your AWS Lambda function using an EventBridge rule", the function's policy
    must name events.amazonaws.com.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions
    """
    rotator, events = create_rotator(), account.client("events")
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    later.callback(events.delete_rule, Name=name)
    event = {"Step": "setSecret", "SecretId": create_secret()}

    def send(token: str) -> None:
        target = {"Id": "contract", "Arn": rotator.arn}
        text = json.dumps({**event, "ClientRequestToken": token})
        events.put_targets(Rule=name, Targets=[{**target, "Input": text}])
        events.put_events(Entries=[{"Source": name, "DetailType": "contract", "Detail": "{}"}])

    later.callback(events.remove_targets, Rule=name, Ids=["contract"])
    send("before".ljust(32, "0"))
    allow_invoke(account, rotator, "events.amazonaws.com", SourceArn=rule)
    send("after".ljust(32, "0"))

    assert {record["token"].strip("0") for record in rotator.records(1)} == {"after"}


def test_an_event_reaches_a_queue_only_if_its_policy_allows_eventbridge(
    account: Account, create_inbox: CreateInbox, name: str
) -> None:
    """AWS: "To allow EventBridge to send events to an Amazon SQS queue", the queue's policy must
    name events.amazonaws.com.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
    """
    inbox, events = create_inbox(source=[name]), account.client("events")

    def send(kind: str) -> None:
        events.put_events(Entries=[{"Source": name, "DetailType": kind, "Detail": "{}"}])

    send("before")
    inbox.allow_events()
    send("after")

    assert {event["detail-type"] for event in inbox.events()} == {"after"}


def invoke(functions: Client, **arguments: object) -> None:
    functions.invoke(**arguments)["Payload"].read()


def invoke_with_stream(functions: Client, **arguments: object) -> None:
    with contextlib.closing(functions.invoke_with_response_stream(**arguments)["EventStream"]):
        pass


@pytest.mark.parametrize("call", [invoke, invoke_with_stream])
def test_invoking_with_a_response_stream_needs_the_same_permission(
    create_rotator: CreateRotator, create_user: CreateUser, call: Callable[..., None]
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html"""
    rotator = create_rotator()

    def code(*actions: str) -> str:
        grants = (allow(action, rotator.arn) for action in actions)
        functions = create_user(*grants).client("lambda")
        return error_code(call, functions=functions, FunctionName=rotator.name)

    assert (code(), code(INVOKE)) == (DENIED, "")
