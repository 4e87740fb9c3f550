"""Only Secrets Manager, for one secret, can make a deployed function do anything."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from rotation.event import Step
from testing.harness.account import Aws, Rotation, eventually, step_records
from tests.e2e.estate import IN_COMMON, Estate
from tests.e2e.roles import Clients, Deployed, acting, clients_with, error_code
from tests.strategies import RotatorUnderTest

pytestmark = [
    pytest.mark.xdist_group("grants"),
    pytest.mark.campaign("Grants"),
    pytest.mark.parametrize("strategy", IN_COMMON),
]

_DENIED = "AccessDeniedException"
_INVOKE = "lambda:InvokeFunction"
_RULES = {"AutomaticallyAfterDays": 30}


@pytest.fixture
def another(strategy: RotatorUnderTest, estate: Estate) -> Iterator[str]:
    """A secret that the function is not for, with a name as similar as possible."""
    deployed = estate.secrets[strategy.name]
    secrets = deployed.aws.client("secretsmanager")
    name = f"{deployed.outputs['secret_name']}-Ab1Cd2"
    arn = secrets.create_secret(Name=name, SecretString="beside")["ARN"]
    yield arn
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)


def _event(secret_arn: str, token: str, step: Step = Step.CREATE) -> str:
    return json.dumps({"Step": step, "SecretId": secret_arn, "ClientRequestToken": token})


def _token() -> str:
    return str(uuid.uuid4())


def _keys(deployed: Deployed, estate: Estate) -> list[dict[str, Any]]:
    keys = deployed.aws.client("iam").list_access_keys(UserName=estate.user)["AccessKeyMetadata"]
    return sorted(keys, key=lambda key: key["AccessKeyId"])


def test_another_secret_cannot_use_the_function(
    strategy: RotatorUnderTest, another: str, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    secrets = deployed.aws.client("secretsmanager")
    function = {"RotationLambdaARN": deployed.outputs["function_arn"], "RotationRules": _RULES}

    assert error_code(secrets.rotate_secret, SecretId=another, **function) == _DENIED
    assert "RotationLambdaARN" not in secrets.describe_secret(SecretId=another)


@pytest.mark.parametrize("step", Step)
def test_an_event_about_another_secret_changes_nothing(
    step: Step, strategy: RotatorUnderTest, another: str, estate: Estate
) -> None:
    """Not even if the caller may invoke the function."""
    deployed = estate.secrets[strategy.name]
    functions, secrets = (deployed.aws.client(name) for name in ("lambda", "secretsmanager"))
    before = secrets.describe_secret(SecretId=another)["VersionIdsToStages"]
    keys, (token,) = _keys(deployed, estate), before

    answer = functions.invoke(
        FunctionName=deployed.outputs["function_name"], Payload=_event(another, token, step)
    )

    assert answer["FunctionError"] == "Unhandled"
    assert "SecretId" in json.load(answer["Payload"])["errorMessage"]
    assert secrets.describe_secret(SecretId=another)["VersionIdsToStages"] == before
    assert _keys(deployed, estate) == keys


def test_a_principal_of_the_account_needs_a_grant_to_invoke(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    deployed = estate.secrets[strategy.name]
    name, function_arn = (deployed.outputs[f"function_{which}"] for which in ("name", "arn"))
    call = {"FunctionName": name, "Payload": _event(deployed.secret.secret_id, _token())}
    grant = {"Effect": "Allow", "Action": _INVOKE, "Resource": function_arn}

    def code(*statements: dict[str, str]) -> str:
        with acting(deployed.aws, estate.outsider, *statements) as clients:
            return error_code(clients("lambda").invoke, **call)

    assert (code(), code(grant)) == (_DENIED, "")


def test_another_service_cannot_invoke_the_function(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    """At the end EventBridge gets the permission, to show that nothing else stopped it."""
    deployed = estate.secrets[strategy.name]
    events, functions = (deployed.aws.client(name) for name in ("events", "lambda"))
    name, function_arn = (deployed.outputs[f"function_{which}"] for which in ("name", "arn"))
    source, tokens = _token(), (_token(), _token())
    rule = {"Name": f"grants-{source}"}
    permission = {"FunctionName": name, "StatementId": source}
    rule_arn = events.put_rule(**rule, EventPattern=json.dumps({"source": [source]}))["RuleArn"]

    def send(token: str) -> None:
        event = _event(deployed.secret.secret_id, token)
        target = {"Id": "grants", "Arn": function_arn, "Input": event}
        events.put_targets(Rule=rule["Name"], Targets=[target])
        events.put_events(Entries=[{"Source": source, "DetailType": "grants", "Detail": "{}"}])

    try:
        send(tokens[0])
        functions.add_permission(
            **permission,
            Action=_INVOKE,
            Principal="events.amazonaws.com",
            SourceArn=rule_arn,
        )
        send(tokens[1])
        permitted = Rotation(tokens[1], None)
        eventually("The permitted event", lambda: deployed.records(permitted))
        assert deployed.records(Rotation(tokens[0], None)) == []
    finally:
        functions.remove_permission(**permission)
        events.remove_targets(Rule=rule["Name"], Ids=["grants"])
        events.delete_rule(**rule)


def _another_account(aws: Aws) -> Clients:
    """Make clients of another account: the one of E2E_OTHER_ACCOUNT_ROLE, or a new one."""
    role = os.environ.get("E2E_OTHER_ACCOUNT_ROLE")
    if role is None:
        named = {"Email": "another@example.com", "AccountName": "another"}
        made = aws.client("organizations").create_account(**named)["CreateAccountStatus"]
        role = f"arn:aws:iam::{made['AccountId']}:role/OrganizationAccountAccessRole"
    assumed = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="grants")
    return clients_with(aws, assumed["Credentials"])


def test_another_account_cannot_invoke_the_function(
    strategy: RotatorUnderTest, estate: Estate
) -> None:
    """Neither directly nor through Secrets Manager; with permission, the function does nothing."""
    deployed = estate.secrets[strategy.name]
    clients = _another_account(deployed.aws)
    account = clients("sts").get_caller_identity()["Account"]
    functions, secrets = deployed.aws.client("lambda"), clients("secretsmanager")
    name, function_arn = (deployed.outputs[f"function_{which}"] for which in ("name", "arn"))
    arn = secrets.create_secret(Name=deployed.outputs["secret_name"], SecretString="other's")["ARN"]

    def codes() -> tuple[str, str]:
        rotation = {"SecretId": arn, "RotationLambdaARN": function_arn, "RotationRules": _RULES}
        call = {"FunctionName": function_arn, "Payload": _event(arn, _token())}
        invoked = error_code(clients("lambda").invoke, **call)
        return invoked, error_code(secrets.rotate_secret, **rotation)

    def failures() -> int:
        records = step_records(deployed.aws, deployed.outputs["log_group_name"])
        return sum(record.get("error") == "ProtocolError" for record in records)

    with contextlib.ExitStack() as stack:
        stack.callback(secrets.delete_secret, SecretId=arn, ForceDeleteWithoutRecovery=True)
        assert codes() == (_DENIED, _DENIED)

        for number, (principal, source) in enumerate(
            [(account, {}), ("secretsmanager.amazonaws.com", {"SourceAccount": account})]
        ):
            permission = {"FunctionName": name, "StatementId": f"another-{number}"}
            functions.add_permission(**permission, Action=_INVOKE, Principal=principal, **source)
            stack.callback(functions.remove_permission, **permission)
        before = failures()
        eventually("The permission", lambda: codes() == ("", ""))
        # One for the invocation, and one for the first step of Secrets Manager.
        eventually("Both failures", lambda: failures() >= before + 2)
        secrets.cancel_rotate_secret(SecretId=arn)
        assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "other's"
