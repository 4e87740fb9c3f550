"""A responder runs the commands of docs/revocation.md, and the leaked key of an IAM user ends."""

from __future__ import annotations

import base64
import json
import os
import re
import uuid
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest

from testing.harness.account import eventually, is_accepted
from testing.harness.provider import AwsProvider
from testing.local_aws import local_aws
from tests.e2e.roles import granted, without
from tests.readme.blocks import REPOSITORY, block, local
from tests.readme.test_commands import SECRET, Applied
from tests.tools.terminal import install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("readme")

_OVERRIDE: Final = """
module "rotating_secret" {{
  rotation = {{
    iam_access_key = {{ user_name = aws_iam_user.uploader.name, settling_seconds = 0 }}
  }}

  {}
}}
"""
# The page shows two ways to report. Both are under test here.
_BOTH: Final = "revocation = {\n  responders = [aws_iam_role.responder.arn]\n"
_ROLE: Final = """
resource "aws_iam_user" "uploader" {
  name          = "uploader"
  force_destroy = true
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "responder" {
  name = "responder"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = data.aws_caller_identity.current.account_id }
      Action    = "sts:AssumeRole"
    }]
  })
}
"""


@pytest.fixture(scope="module")
def applied(
    tmp_path_factory: pytest.TempPathFactory,
    copy_module: Callable[[Path], Path],
    terraform_env: dict[str, str],
    aws_cli: Path,
    repository: Path,
) -> Iterator[Applied]:
    root = tmp_path_factory.mktemp("revocation")
    tool = install(repository / "tools" / "rotating_secret", tmp_path_factory.mktemp("tool"))
    copy_module(root / "terraform-aws-rotating-secret")
    (root / "main.tf").write_text(local("\n".join([block("plan", "revocation"), _ROLE])))
    events = block("plan", "revocation-events").replace("revocation = {\n", _BOTH)
    (root / "override.tf").write_text(_OVERRIDE.format(events))
    with ExitStack() as stack:
        aws = stack.enter_context(local_aws(rotation_attempts=1, functions_longest_sleep=1))
        inherited = {name: terraform_env[name] for name in terraform_env if name[:4] != "AWS_"}
        environment = {
            **inherited,
            **aws.environment,
            "PATH": os.pathsep.join([str(tool), str(aws_cli.parent), os.environ["PATH"]]),
            "TF_CLI_ARGS_apply": "-auto-approve -no-color",
        }
        one = Applied(aws=aws, root=root, environment=environment)
        one.run("terraform init")
        provider = stack.enter_context(closing(AwsProvider(root, environment)))
        one.environment.update(provider.environment)
        one.run("terraform apply")
        eventually("The first value", one.keys)
        one.settle()
        yield one


@pytest.fixture
def responder(applied: Applied) -> Applied:
    """The same secret, for the role that may report a leak."""
    sts, iam = applied.aws.client("sts"), applied.aws.client("iam")
    role = iam.get_role(RoleName="responder")["Role"]["Arn"]
    key = sts.assume_role(RoleArn=role, RoleSessionName="mona")["Credentials"]
    names = {
        "AWS_ACCESS_KEY_ID": "AccessKeyId",
        "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
        "AWS_SESSION_TOKEN": "SessionToken",
    }
    own = {name: key[field] for name, field in names.items()}
    return replace(applied, environment={**applied.environment, **own})


def _records(applied: Applied) -> list[dict[str, Any]]:
    """Return the records of the rotation function."""
    logs = applied.aws.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/rotate-")["logGroups"]
    events = logs.filter_log_events(logGroupName=group["logGroupName"])["events"]
    return [json.loads(one["message"]) for one in events if one["message"][0] == "{"]


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param(block("run", "revoke"), id="tool"),
        pytest.param(block("run", "report"), id="aws-cli", marks=pytest.mark.slow),
    ],
)
def test_the_leaked_key_and_the_previous_one_end_within_the_overlap(
    applied: Applied, responder: Applied, commands: str
) -> None:
    applied.run(block("run", "rotate"))
    eventually("The second key", lambda: len(applied.keys()) == 2)
    applied.settle()
    leaked, keys = applied.value(), applied.keys()

    responder.run(commands)

    eventually(
        "The end", lambda: responder.run(block("run", "revoked")), lambda one: one[:5] == "done "
    )
    assert applied.keys() == {applied.value()["AccessKeyId"]}
    assert applied.keys() & keys == set()
    assert not is_accepted(applied.aws, leaked)
    assert is_accepted(applied.aws, applied.value())
    assert _records(applied)[-1]["outcome"] == "revoked"


def test_a_wrong_report_cancels_the_rotation_and_changes_nothing(
    applied: Applied, responder: Applied
) -> None:
    keys = applied.keys()
    # The list shows no version, so that the report names none.
    with applied.aws.switched(functions_longest_sleep=0):
        responder.run(block("run", "report").replace("'AWSCURRENT'", "'NOWHERE'"))
        (failure,) = eventually(
            "The failure", lambda: [one for one in _records(applied) if one["outcome"] == "failed"]
        )
    assert failure["error"] == "ProtocolError"
    assert "has no valid request" in failure["message"]
    assert not applied.pending()
    assert applied.keys() == keys


def _leak(applied: Applied, event: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Send an event as EventBridge does; return whether the function failed, and its record."""
    functions = applied.aws.client("lambda")
    response = functions.invoke(
        FunctionName=_responder(applied), LogType="Tail", Payload=json.dumps(event)
    )
    lines = base64.b64decode(response["LogResult"]).decode().splitlines()
    (record,) = (json.loads(line) for line in lines if '"leak_report"' in line)
    return "FunctionError" in response, record


def _responder(applied: Applied) -> str:
    functions = applied.aws.client("lambda").list_functions()["Functions"]
    names = [str(one["FunctionName"]) for one in functions]
    (name,) = (name for name in names if name.startswith("respond-"))
    return name


_HEALTH: Final = ("aws.health", "AWS Health Event")


def _exposure(*key_ids: str) -> dict[str, Any]:
    """Make the detail of an event of AWS Health.

    https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
    """
    event = "event/RISK/AWS_RISK_CREDENTIALS_EXPOSED/AWS_RISK_CREDENTIALS_EXPOSED_0001"
    return {
        "eventArn": f"arn:aws:health:us-east-1::{event}",
        "service": "RISK",
        "eventTypeCode": "AWS_RISK_CREDENTIALS_EXPOSED",
        "eventTypeCategory": "issue",
        "eventScopeCode": "ACCOUNT_SPECIFIC",
        "statusCode": "open",
        "eventDescription": [{"language": "en_US", "latestDescription": "Found in public."}],
        "affectedEntities": [{"entityValue": key_id} for key_id in key_ids],
    }


def _exposed(*key_ids: str) -> dict[str, Any]:
    """Make the whole event, as the function gets it."""
    source, detail_type = _HEALTH
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "id": str(uuid.uuid4()),
        "source": source,
        "detail-type": detail_type,
        "time": time,
        "detail": _exposure(*key_ids),
    }


def _outcomes(applied: Applied) -> list[str]:
    """Return how the responder has answered each event that it got."""
    logs, group = applied.aws.client("logs"), f"/aws/lambda/{_responder(applied)}"
    messages = [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]]
    return [json.loads(one)["outcome"] for one in messages if '"leak_report"' in one]


def test_events_that_are_not_about_this_secret_are_ignored(applied: Applied) -> None:
    """EventBridge compares each with the patterns of the rules."""
    keys, outcomes = applied.keys(), _outcomes(applied)
    (key_id,) = keys
    ours, events = _exposure(key_id), applied.aws.client("events")
    forged = {"Source": _HEALTH[0], "DetailType": _HEALTH[1], "Detail": json.dumps(ours)}
    assert events.put_events(Entries=[forged])["FailedEntryCount"] == 1
    applied.run(block("run", "report-by-event").replace(SECRET, "reports/other"))
    applied.run(block("run", "report-by-event").replace("example.secret", "another.secret"))
    for detail in ({"service": "EC2"}, {"eventTypeCode": "AWS_RISK_OPERATIONAL_NOTIFICATION"}):
        applied.aws.send_event(*_HEALTH, {**ours, **detail})
    applied.aws.send_event(_HEALTH[0], "AWS Health Abuse Event", ours)
    applied.aws.send_event(*_HEALTH, _exposure("AKIAIOSFODNN7EXAMPLE"))
    answered = eventually(
        "The answer", lambda: _outcomes(applied), lambda found: len(found) > len(outcomes)
    )
    assert answered == [*outcomes, "of_another_user"]
    assert applied.keys() == keys
    assert not applied.pending()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(_HEALTH[0], id="aws-health"),
        pytest.param("example.secret-scanner", id="own", marks=pytest.mark.slow),
    ],
)
def test_an_event_ends_the_leaked_key(applied: Applied, responder: Applied, source: str) -> None:
    """Also if the event is false, the successor works."""
    leaked = applied.value()
    if source == _HEALTH[0]:
        exposure = _exposure("AKIAIOSFODNN7EXAMPLE", leaked["AccessKeyId"])
        applied.aws.send_event(*_HEALTH, exposure)
    else:
        applied.run(block("run", "report-by-event"))
    eventually("The end", lambda: not is_accepted(applied.aws, leaked))
    eventually(
        "The end", lambda: responder.run(block("run", "revoked")), lambda one: one[:5] == "done "
    )
    assert applied.keys() == {applied.value()["AccessKeyId"]}
    assert is_accepted(applied.aws, applied.value())
    assert _outcomes(applied)[-1] == "reported"
    applied.settle()


@pytest.mark.slow
def test_the_responder_needs_each_of_its_grants(applied: Applied) -> None:
    """In the order of its calls: each one that is denied changes nothing more."""
    (key_id,) = applied.keys()
    role = applied.aws.client("lambda").get_function(FunctionName=_responder(applied))
    name = role["Configuration"]["Role"].rpartition("/")[2]
    grants = {
        ("FindTheUserOfAKey", "iam:ListAccessKeys"),
        ("RotateThisSecret", "secretsmanager:DescribeSecret"),
        ("ReportALeak", "secretsmanager:TagResource"),
        ("RotateThisSecret", "secretsmanager:RotateSecret"),
        ("HaveTheFunctionInvoked", "lambda:InvokeFunction"),
    }
    logs = {("DeliverLogs", "logs:CreateLogStream"), ("DeliverLogs", "logs:PutLogEvents")}
    assert granted(applied.aws, name) == grants | logs
    for grant in sorted(grants):
        with without(applied.aws, name, grant):
            failed, record = _leak(applied, _exposed(key_id))
        assert failed
        assert record["error"] in {"AccessDenied", "AccessDeniedException"}
    assert applied.keys() == {key_id}
    failed, record = _leak(applied, _exposed("AKIAIOSFODNN7EXAMPLE", key_id))
    assert (failed, record["outcome"]) == (False, "reported")
    eventually("The end", lambda: applied.keys() - {key_id} == applied.keys())
    applied.settle()


def test_the_statement_is_as_shown(applied: Applied) -> None:
    shown = json.loads(block("grants", "leak-reports"))
    policy = applied.aws.client("secretsmanager").get_resource_policy(SecretId=SECRET)
    found = {one["Sid"]: one for one in json.loads(policy["ResourcePolicy"])["Statement"]}
    account = applied.aws.client("sts").get_caller_identity()["Account"]
    statement = json.loads(json.dumps(found[shown["Sid"]]).replace(account, "123456789012"))
    # The page shows it without events.
    writers = statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    writers[:] = [arn for arn in writers if ":role/respond-" not in arn]
    assert statement == shown


def test_the_table_has_every_strategy_and_its_page_says_what_a_report_does() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \|.*?\]\((.+?)\)", (REPOSITORY / "README.md").read_text(), re.MULTILINE
    )
    pages = {name: (REPOSITORY / page).read_text() for name, page in rows if name != "null"}
    text = (REPOSITORY / "docs" / "revocation.md").read_text()
    table = text.partition("## What each strategy does")[2].partition("\n## ")[0]
    first = " ".join(re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", first)) == sorted(pages)
    silent = [
        name
        for name, page in pages.items()
        if "(../../docs/revocation.md)"
        not in re.split("^## ", page.partition("## How long")[2], flags=re.MULTILINE)[0]
    ]
    assert silent == []
