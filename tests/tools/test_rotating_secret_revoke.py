"""The command revoke, as a responder who has the policy of the module's output."""

from __future__ import annotations

import json
import os
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
import yaml

from rotating_secret.cli import main
from testing.harness.account import REVOCATION_TAG, REVOCATION_TOKEN, Secret, is_accepted
from testing.local_aws import local_aws
from tests.tools.terminal import Terminal, install
from tests.tools.test_rotating_secret import (
    IDLE,
    USER,
    Estate,
    actions,
    allow,
    payload,
    without,
    zipped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from testing.local_aws import LocalAws

pytestmark = pytest.mark.xdist_group("rotating_secret")

NAME: Final = "reports/signing"
RESPONDER: Final = "responder"
REVOCABLE: Final = {"revocable": True}
# This function rotates, and knows no report.
_PROMOTING: Final = """
import boto3

def lambda_handler(event, context):
    secrets = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        secrets.put_secret_value(SecretId=secret, ClientRequestToken=token, SecretString="v",
                                 VersionStages=["AWSPENDING"])
    if event["Step"] == "finishSecret":
        stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
        (current,) = [one for one, labels in stages.items() if "AWSCURRENT" in labels]
        secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT",
                                            MoveToVersionId=token, RemoveFromVersionId=current)
"""


def _allow(aws: LocalAws, statements: Sequence[Mapping[str, Any]]) -> None:
    """Give the responder these statements, and no others."""
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    aws.client("iam").put_user_policy(
        UserName=RESPONDER, PolicyName="shown", PolicyDocument=document
    )


@pytest.fixture(scope="module")
def policy(repository: Path) -> dict[str, Any]:
    """The output responder_policy_json, as a test of the plan expects it."""
    inventory = repository / "tests/plan/inventories/least-privilege-revocation.yaml"
    found = yaml.safe_load(inventory.read_text())["outputs"]["responder_policy_json"]
    return {"Version": "2012-10-17", **found}


@pytest.fixture(scope="module")
def estate(
    repository: Path, policy: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Estate]:
    """A key that has rotated twice, and other secrets whose rotation doesn't carry a report out."""
    folder = install(repository / "tools" / "rotating_secret", tmp_path_factory.mktemp("tool"))
    with local_aws(rotation_attempts=1, functions_longest_sleep=0) as aws:
        iam, secrets = aws.client("iam"), aws.client("secretsmanager")
        trust = allow("sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"})
        role = iam.create_role(RoleName="rotator", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        grant = allow("secretsmanager:*", "logs:*", "iam:*", Resource="*")
        iam.put_role_policy(RoleName="rotator", PolicyName="all", PolicyDocument=grant)
        iam.create_user(UserName=USER)
        responder = iam.create_user(UserName=RESPONDER)["User"]["Arn"]
        key = iam.create_access_key(UserName=RESPONDER)["AccessKey"]
        environment = {
            **aws.environment,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        }
        _allow(aws, policy["Statement"])
        estate = Estate(aws=aws, role=role, terminal=Terminal(environment=environment))
        estate.add(NAME, payload(repository), settings=REVOCABLE)
        deny = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["secretsmanager:TagResource", "secretsmanager:UntagResource"],
            "Resource": "*",
            "Condition": {
                "ArnNotEquals": {"aws:PrincipalArn": [role, responder]},
                "ForAnyValue:StringEquals": {"aws:TagKeys": [REVOCATION_TAG]},
            },
        }
        secrets.put_resource_policy(
            SecretId=NAME,
            ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}),
        )
        for _ in range(2):
            Secret(aws, NAME).rotate_and_wait()
        yield estate


@pytest.fixture(autouse=True)
def _responder(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Act as the responder, also in this process."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in estate.terminal.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def secret(estate: Estate) -> Secret:
    return Secret(estate.aws, NAME)


def _keys(estate: Estate) -> set[str]:
    keys = estate.aws.client("iam").list_access_keys(UserName=USER)["AccessKeyMetadata"]
    return {one["AccessKeyId"] for one in keys}


def _word(secret: Secret) -> str:
    return secret.tags()[REVOCATION_TAG].partition(" ")[0]


def _write(secret: Secret, version: str, time: str) -> None:
    """Write a report as a responder."""
    tags = [{"Key": REVOCATION_TAG, "Value": f"leaked {version} {time}"}]
    responder: Any = boto3.client("secretsmanager")
    responder.tag_resource(SecretId=secret.secret_id, Tags=tags)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_responder_ends_the_leaked_key_and_a_repetition_changes_nothing(
    estate: Estate, secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    leaked, value, keys = str(secret.holder("AWSCURRENT")), secret.value(), _keys(estate)
    ended = estate.run("revoke", NAME, "--leaked", "current")
    assert ended.code == 0, ended.screen
    assert f"The credential of version {leaked} and all older ones have ended." in ended.screen
    assert "Restart those that read it only at their start" in ended.screen
    assert len(keys) == 2
    assert not is_accepted(estate.aws, value)
    assert _keys(estate) == {secret.value()["AccessKeyId"]}
    assert str(secret.holder("AWSCURRENT")).startswith(REVOCATION_TOKEN)
    before = secret.tags(), secret.versions()
    assert main(["revoke", NAME, "--leaked", "previous"]) == 0
    assert main(["revoke", NAME, "--leaked", leaked]) == 0
    assert (secret.tags(), secret.versions()) == before
    # As if it had not ended: the current version is the successor that the report has made.
    _write(secret, leaked, _now())
    capsys.readouterr()
    assert main(["revoke", NAME, "--leaked", "current", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["leaked_version"] == leaked
    assert found["current_version"] == secret.holder("AWSCURRENT")
    assert found["arn"] == estate.described(NAME)["ARN"]


@pytest.mark.slow
def test_a_report_of_another_version_comes_first(
    secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    secret.rotate_and_wait()
    previous = str(secret.holder("AWSPREVIOUS"))
    _write(secret, previous, _now())
    before = secret.tags(), secret.versions()
    assert main(["revoke", NAME, "--leaked", "current"]) == 1
    assert (secret.tags(), secret.versions()) == before
    assert main(_shown(capsys.readouterr().err)) == 0
    assert secret.tags()[REVOCATION_TAG].startswith(f"done {previous} ")


def _shown(text: str) -> list[str]:
    """Return the arguments of the command at the end of a message."""
    (command,) = re.findall(r"run: rotating-secret (.+)$", text, re.MULTILINE)
    return str(command).split()


def test_only_a_responder_may_report(
    estate: Estate,
    secret: Secret,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = secret.tags(), secret.versions()
    for name, value in estate.aws.environment.items():
        monkeypatch.setenv(name, value)
    caller = estate.aws.client("sts").get_caller_identity()["Arn"]
    assert main(["revoke", NAME, "--leaked", "current"]) == 3
    message = capsys.readouterr().err
    assert f"AccessDeniedException for {caller}. Only revocation.responders may report" in message
    assert "Nothing was changed." in message
    assert (secret.tags(), secret.versions()) == before


def test_a_command_that_fails_says_how_to_go_on(
    estate: Estate, secret: Secret, policy: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    leaked = str(secret.holder("AWSCURRENT"))
    _write(secret, leaked, "2020-01-01T00:00:00Z")  # The function ignores one that is so old.
    try:
        _allow(estate.aws, without(policy, "secretsmanager:RotateSecret"))
        assert main(["revoke", NAME, "--leaked", "current"]) == 3
    finally:
        _allow(estate.aws, policy["Statement"])
    assert _word(secret) == "leaked"
    message = capsys.readouterr().err
    assert "AWS refused secretsmanager:RotateSecret" in message
    assert main(_shown(message)) == 0
    assert secret.tags()[REVOCATION_TAG].startswith(f"done {leaked} ")


def test_a_refusal_of_the_function_is_shown(
    secret: Secret, capsys: pytest.CaptureFixture[str]
) -> None:
    current, unknown = secret.holder("AWSCURRENT"), str(uuid.uuid4())
    assert main(["revoke", NAME, "--leaked", unknown]) == 1
    message = capsys.readouterr().err
    assert "createSecret: ProtocolError: Tag rotation-revocation of " in message
    assert f"rotating-secret revoke {NAME} --leaked {unknown}" in message
    assert secret.holder("AWSCURRENT") == current


@pytest.mark.slow
def test_a_rotation_without_the_report_is_not_a_success(
    estate: Estate, capsys: pytest.CaptureFixture[str]
) -> None:
    functions = {"late": IDLE, "deaf": zipped({"handler.py": _PROMOTING})}
    _allow(estate.aws, json.loads(allow("*", Resource="*"))["Statement"])
    for name, package in functions.items():
        estate.add(name, package, settings=REVOCABLE, SecretString="v")
    for arguments, code, message in (
        (["late", "--leaked", "previous"], 2, "Found: previous, but none has AWSPREVIOUS."),
        (["late", "--leaked", "current", "--timeout", "0"], 4, "has not ended in 0 seconds."),
        (["deaf", "--leaked", "current"], 1, "or ended without this report"),
    ):
        assert main(["revoke", *arguments]) == code
        assert message in capsys.readouterr().err


def test_a_secret_without_the_option_is_refused(
    estate: Estate, capsys: pytest.CaptureFixture[str]
) -> None:
    estate.aws.client("secretsmanager").create_secret(Name="fixed", SecretString="v")
    estate.add("closed", IDLE, SecretString="v")
    rival = estate.aws.client("secretsmanager").create_secret(Name="rival", SecretString="v")["ARN"]
    estate.start(rival, estate.add_function("rival", IDLE), now=False)
    _allow(estate.aws, json.loads(allow("*", Resource="*"))["Statement"])
    for name, found in {
        "closed": "the strategy iam_access_key without revocation",
        "fixed": "a secret that does not rotate",
        "rival": "the strategy function without revocation",
    }.items():
        assert main(["revoke", name, "--leaked", "current"]) == 2
        assert f"Found: {found}. Disable the credential" in capsys.readouterr().err
        assert estate.described(name).get("Tags", []) == []


def test_an_argument_that_names_no_version_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["revoke", NAME, "--leaked", "latest"])
    assert "must be current, previous or the ID of a version" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_needs_each_action_of_the_policy(
    estate: Estate, policy: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    # The commands of the AWS CLI need ListSecretVersionIds. The report is written once.
    others = {*actions(policy)} - {"secretsmanager:ListSecretVersionIds"}
    for action in sorted(others, key=lambda one: one != "secretsmanager:TagResource"):
        _allow(estate.aws, without(policy, action))
        # The function waits, so that the rotation runs when the command reads the log.
        with estate.aws.switched(functions_longest_sleep=None):
            assert main(["revoke", NAME, "--leaked", "current"]) == 3
        # AWS requires it of the caller of RotateSecret.
        denied = action.replace("lambda:InvokeFunction", "secretsmanager:RotateSecret")
        assert f"AWS refused {denied} on " in capsys.readouterr().err
    _allow(estate.aws, policy["Statement"])
    assert main(["revoke", NAME, "--leaked", "current"]) == 0
