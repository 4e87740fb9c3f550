"""The AWS account that the tests run in, and fixtures that create resources in it.

CONTRACT_TARGET selects the account. `local`, the default, starts the local AWS. `plain` starts
MiniStack without the added behaviours, so that each test for one of them fails. `make test-aws`
sets `account`, which uses the credentials and the Region of the environment.
"""

import contextlib
import functools
import io
import itertools
import json
import os
import uuid
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import boto3
import pytest
from botocore.exceptions import ClientError

from testing.harness import account as harness
from testing.local_aws import LocalAws, local_aws
from testing.real_aws.guard import Guard

Client: TypeAlias = Any  # boto3 makes its methods at run time.
Json: TypeAlias = dict[str, Any]

_TARGET = os.environ.get("CONTRACT_TARGET", "local")
_PATIENCE_SECONDS = 300 if _TARGET == "account" else 15


eventually = functools.partial(
    harness.eventually, patience=_PATIENCE_SECONDS, pause=2 if _TARGET == "account" else 0.02
)


def error_code(call: Callable[..., object], **arguments: object) -> str:
    """Return the error code of a call, or an empty string if it succeeds."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


def eventual_code(call: Callable[..., object], expected: str, **arguments: object) -> str:
    """Repeat a call until it returns the expected code, because permissions take time to apply."""
    return eventually(
        expected or "success",
        lambda: error_code(call, **arguments),
        lambda code: code == expected,
    )


def allow(actions: list[str] | str, resource: str, **condition: object) -> Json:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {**statement, "Condition": condition} if condition else statement


def policy(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@dataclass(frozen=True)
class Account:
    """A real or local AWS account, with the credentials of one principal."""

    session: boto3.Session
    account_id: str
    guard: Guard | None = None

    @property
    def region(self) -> str:
        return self.session.region_name

    def client(self, service: str, **options: object) -> Client:
        create: Callable[..., Client] = self.session.client
        return create(service, **options)

    def arn(self, service: str, resource: str, region: str | None = None) -> str:
        where = "" if service == "iam" else region or self.region
        return f"arn:aws:{service}:{where}:{self.account_id}:{resource}"

    def with_key(self, key: Mapping[str, str]) -> "Account":
        session = boto3.Session(
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
            aws_session_token=key.get("SessionToken"),
            region_name=self.region,
        )
        # Most users here have no permission to add a tag.
        session = self.guard.watch(session, may_tag=False) if self.guard else session
        return Account(session, self.account_id, self.guard)


@pytest.fixture(scope="session")
def server() -> Iterator[LocalAws | None]:
    if _TARGET == "account":
        yield None
    else:
        with local_aws(plain=_TARGET == "plain") as aws:
            yield aws


@pytest.fixture
def local(server: LocalAws | None) -> LocalAws:
    assert server is not None, "testing/real_aws/selection.py selects no test with switches"
    return server


@pytest.fixture(scope="session")
def guard() -> Guard | None:
    """Tags and pays for everything in a real account."""
    return Guard.of_environment() if _TARGET == "account" else None


@pytest.fixture(scope="session")
def account(server: LocalAws | None, guard: Guard | None) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (server.environment if server else {}).items():
            patch.setenv(name, value)
        session = guard.watch(boto3.Session()) if guard else boto3.Session()
        identity = session.client("sts").get_caller_identity()
        yield Account(session, identity["Account"], guard)


@pytest.fixture
def another(account: Account, local: LocalAws) -> Account:
    """A member account that the account creates, as its administrator sees it."""
    organization = local.client("organizations")
    created = organization.create_account(Email="another@example.com", AccountName="another")
    account_id = created["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole"
    sts = account.client("sts")
    key = sts.assume_role(RoleArn=role, RoleSessionName="contract")["Credentials"]
    return Account(account.with_key(key).session, account_id)


@pytest.fixture
def later() -> Iterator[contextlib.ExitStack]:
    """Callbacks that run at the end of the test, in reverse order."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def name(guard: Guard | None) -> str:
    prefix = guard.run.prefix if guard else "contract-"
    return f"{prefix}{uuid.uuid4().hex[:12]}"


@pytest.fixture
def secrets(account: Account) -> Client:
    return account.client("secretsmanager")


@pytest.fixture
def iam(account: Account) -> Client:
    return account.client("iam")


CreateSecret: TypeAlias = Callable[..., str]


@pytest.fixture
def create_secret(secrets: Client, later: contextlib.ExitStack, name: str) -> CreateSecret:
    """Creates a secret, by default without a value, and returns its ARN."""

    def create(**arguments: object) -> str:
        arn: str = secrets.create_secret(**{"Name": name, **arguments})["ARN"]
        later.callback(secrets.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
        return arn

    return create


CreateUser: TypeAlias = Callable[..., Account]


@pytest.fixture
def create_user(
    account: Account, iam: Client, later: contextlib.ExitStack, name: str
) -> CreateUser:
    """Creates a user with an inline policy, and returns the account as that user sees it.

    The first user has the name of the fixture `name`.
    """

    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))

    def create(*statements: Json, path: str = "/") -> Account:
        user_name = next(names)
        iam.create_user(UserName=user_name, Path=path)
        later.callback(iam.delete_user, UserName=user_name)
        if statements:
            inline = {"UserName": user_name, "PolicyName": "contract"}
            iam.put_user_policy(**inline, PolicyDocument=policy(*statements))
            later.callback(iam.delete_user_policy, **inline)
        key = iam.create_access_key(UserName=user_name)["AccessKey"]
        later.callback(iam.delete_access_key, UserName=user_name, AccessKeyId=key["AccessKeyId"])
        user = account.with_key(key)
        identify = user.client("sts").get_caller_identity
        eventually("the key's propagation", lambda: error_code(identify) == "")
        return user

    return create


@dataclass(frozen=True)
class Rotator:
    """A rotation function that logs each event, and that can be made to fail.

    The secret's tags `fail-once` and `fail` name the step that fails.
    """

    arn: str
    name: str
    role_arn: str
    read_records: Callable[[], list[Json]]

    def records(self, count: int, level: str = "WARN") -> list[Json]:
        """Return the log records of a level, as soon as there are at least `count` of them."""

        def read() -> list[Json]:
            return [record for record in self.read_records() if record["level"] == level]

        return eventually(f"{count} records", read, lambda found: len(found) >= count)


def package(source: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        file = zipfile.ZipInfo("index.py")
        file.external_attr = 0o644 << 16
        archive.writestr(file, source)
    return buffer.getvalue()


CreateRotator: TypeAlias = Callable[..., Rotator]


@pytest.fixture
def create_rotator(
    account: Account, iam: Client, later: contextlib.ExitStack, name: str
) -> CreateRotator:
    """Creates a rotation function with its role, log group, and permission to invoke it."""
    functions = account.client("lambda")
    logs = account.client("logs")
    group = f"/aws/lambda/{name}"
    log_grant = allow(
        ["logs:CreateLogStream", "logs:PutLogEvents"], account.arn("logs", f"log-group:{group}:*")
    )

    def create_role(statements: tuple[Json, ...]) -> str:
        trusted = {"Service": "lambda.amazonaws.com"}
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": trusted}
        role = iam.create_role(
            RoleName=name, Path="/contract/", AssumeRolePolicyDocument=policy(trust)
        )
        later.callback(iam.delete_role, RoleName=name)
        document = policy(*statements)
        iam.put_role_policy(RoleName=name, PolicyName="contract", PolicyDocument=document)
        later.callback(iam.delete_role_policy, RoleName=name, PolicyName="contract")
        return str(role["Role"]["Arn"])

    def read_records() -> list[Json]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        lines = [event["message"].strip() for page in pages for event in page["events"]]
        records: list[Json] = [json.loads(line) for line in lines if '"level"' in line]
        return sorted(records, key=lambda record: str(record["timestamp"]))

    def create(
        *statements: Json, permission: Mapping[str, str] | None = None, may_log: bool = True
    ) -> Rotator:
        logs.create_log_group(logGroupName=group)
        later.callback(logs.delete_log_group, logGroupName=group)
        grant = allow(
            [
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UntagResource",
                "secretsmanager:UpdateSecretVersionStage",
            ],
            account.arn("secretsmanager", f"secret:{name}-??????"),
        )
        role_arn = create_role((*([log_grant] if may_log else []), *(statements or (grant,))))
        source = Path(__file__).with_name("rotator.py").read_text()
        function: Json = {}

        def create_function() -> str:
            # Lambda refuses a new role until IAM has propagated it.
            def call() -> None:
                function.update(
                    functions.create_function(
                        FunctionName=name,
                        Role=role_arn,
                        Runtime="python3.13",
                        Handler="index.handler",
                        Timeout=30,
                        Code={"ZipFile": package(source)},
                    )
                )

            return error_code(call)

        eventually("the role's propagation", create_function, lambda code: code == "")
        later.callback(functions.delete_function, FunctionName=name)
        eventually(
            "the function's activation",
            lambda: functions.get_function_configuration(FunctionName=name)["State"],
            lambda state: state == "Active",
        )
        functions.add_permission(
            FunctionName=name,
            StatementId="contract",
            Action="lambda:InvokeFunction",
            **{
                "Principal": "secretsmanager.amazonaws.com",
                "SourceAccount": account.account_id,
                **(permission or {}),
            },
        )
        return Rotator(function["FunctionArn"], name, role_arn, read_records)

    return create


@dataclass(frozen=True)
class Inbox:
    """A queue that receives the events of a rule, once its policy allows that."""

    queues: Client
    url: str
    policy: str

    def allow_events(self) -> None:
        self.queues.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": self.policy})

    def events(self) -> list[Json]:
        """Return the received events, as soon as there is at least one."""

        def receive() -> list[Json]:
            found: list[Json] = self.queues.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10
            ).get("Messages", [])
            return found

        return [json.loads(message["Body"]) for message in eventually("an event", receive)]


CreateInbox: TypeAlias = Callable[..., Inbox]


@pytest.fixture
def create_inbox(account: Account, later: contextlib.ExitStack, name: str) -> CreateInbox:
    """Creates a queue for the events that match a pattern; the queue has no policy yet."""
    events, queues = account.client("events"), account.client("sqs")

    def create(**pattern: object) -> Inbox:
        url = queues.create_queue(QueueName=name)["QueueUrl"]
        later.callback(queues.delete_queue, QueueUrl=url)
        rule = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        later.callback(events.delete_rule, Name=name)
        queue = account.arn("sqs", name)
        events.put_targets(Rule=name, Targets=[{"Id": "contract", "Arn": queue}])
        later.callback(events.remove_targets, Rule=name, Ids=["contract"])
        grant = allow("sqs:SendMessage", queue, ArnEquals={"aws:SourceArn": rule})
        document = policy({**grant, "Principal": {"Service": "events.amazonaws.com"}})
        return Inbox(queues, url, document)

    return create
