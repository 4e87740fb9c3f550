"""Who may invoke a function beside the principals of its own account.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import contextlib
import json
import uuid
from collections.abc import Callable

import pytest

from testing.local_aws import LocalAws
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


@pytest.fixture
def another(account: Account, local: LocalAws) -> Account:
    """An account that the organisation of this one has made, as its administrator."""
    organization = local.client("organizations")
    made = organization.create_account(Email="another@example.com", AccountName="another")
    account_id = made["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole"
    sts = account.client("sts")
    key = sts.assume_role(RoleArn=role, RoleSessionName="contract")["Credentials"]
    return Account(account.with_key(key).session, account_id)


def let_in(account: Account, rotator: Rotator, principal: str, **source: str) -> None:
    account.client("lambda").add_permission(
        FunctionName=rotator.name,
        StatementId=uuid.uuid4().hex,
        Action=INVOKE,
        Principal=principal,
        **source,
    )


def test_another_account_is_its_own(account: Account, another: Account) -> None:
    """AWS: "When you create a member account in your organization, AWS Organizations
    automatically creates an IAM role in the member account".
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html
    """
    identity = another.client("sts").get_caller_identity()

    assert identity["Account"] == another.account_id != account.account_id
    assert another.client("secretsmanager").list_secrets()["SecretList"] == []


def test_another_account_invokes_what_lets_it_in(
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
    let_in(account, rotator, another.account_id)

    assert (before, error_code(invoke, **call)) == (DENIED, "")
    assert rotator.records(1)[0]["secret_id"] == event["SecretId"]


def test_a_function_rotates_for_another_account_what_lets_it_in(
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

    answers = [start()]
    let_in(account, rotator, another.account_id)
    # The function's permission is for the secrets of its own account.
    answers.append(start())
    source = {"SourceAccount": another.account_id}
    let_in(account, rotator, "secretsmanager.amazonaws.com", **source)
    answers.append(start())

    assert answers == [DENIED, DENIED, ""]


def test_an_event_reaches_a_function_that_lets_it_in(
    account: Account,
    create_rotator: CreateRotator,
    create_secret: CreateSecret,
    later: contextlib.ExitStack,
    name: str,
) -> None:
    """AWS: "To invoke your AWS Lambda function using an EventBridge rule", the function's policy
    has to name events.amazonaws.com.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-lambda-permissions
    """
    rotator, events = create_rotator(), account.client("events")
    rule = events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))["RuleArn"]
    later.callback(events.delete_rule, Name=name)
    event = {"Step": "setSecret", "SecretId": create_secret()}

    def send(token: str) -> None:
        target = {"Id": "contract", "Arn": rotator.arn}
        written = json.dumps({**event, "ClientRequestToken": token})
        events.put_targets(Rule=name, Targets=[{**target, "Input": written}])
        events.put_events(Entries=[{"Source": name, "DetailType": "contract", "Detail": "{}"}])

    later.callback(events.remove_targets, Rule=name, Ids=["contract"])
    send("before".ljust(32, "0"))
    let_in(account, rotator, "events.amazonaws.com", SourceArn=rule)
    send("after".ljust(32, "0"))

    assert {record["token"].strip("0") for record in rotator.records(1)} == {"after"}


def test_an_event_reaches_a_queue_that_lets_it_in(
    account: Account, create_inbox: CreateInbox, name: str
) -> None:
    """AWS: "To allow EventBridge to send events to an Amazon SQS queue", the queue's policy has to
    name events.amazonaws.com.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions
    """
    inbox, events = create_inbox(source=[name]), account.client("events")

    def send(kind: str) -> None:
        events.put_events(Entries=[{"Source": name, "DetailType": kind, "Detail": "{}"}])

    send("before")
    inbox.let_in()
    send("after")

    assert {event["detail-type"] for event in inbox.events()} == {"after"}


def whole(functions: Client, **arguments: object) -> None:
    functions.invoke(**arguments)["Payload"].read()


def streamed(functions: Client, **arguments: object) -> None:
    with contextlib.closing(functions.invoke_with_response_stream(**arguments)["EventStream"]):
        pass


@pytest.mark.parametrize("invoke", [whole, streamed])
def test_every_way_to_invoke_needs_the_same_grant(
    create_rotator: CreateRotator, create_user: CreateUser, invoke: Callable[..., None]
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html"""
    rotator = create_rotator()

    def answer(*actions: str) -> str:
        grants = (allow(action, rotator.arn) for action in actions)
        functions = create_user(*grants).client("lambda")
        return error_code(invoke, functions=functions, FunctionName=rotator.name)

    assert (answer(), answer(INVOKE)) == (DENIED, "")
