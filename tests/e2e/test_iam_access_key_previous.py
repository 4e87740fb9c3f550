"""The previous key of a deployed secret goes once nothing uses it, by the rotation function."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from testing.harness.account import Aws, Secret, eventually, is_accepted, messages
from testing.harness.terraform import Terraform
from testing.local_aws import LocalAws
from tests.e2e.notifications import received, subscribed
from tests.e2e.roles import Client, Deployed, Grant, as_role, denied_at_once, error_code, without
from tests.readme.blocks import REGISTRY_SOURCE, block

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("previous"),
    pytest.mark.local_only("The clock of a real account cannot change."),
]

_TAG: Final = "rotation-previous"
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_DAY: Final = timedelta(days=1)
_USER: Final = """
resource "aws_iam_user" "uploader" {
  name          = "uploader"
  force_destroy = true
}

output "all" {
  value = module.rotating_secret
}
"""
# Terraform merges an override into the block of the same name.
_SHORTENED: Final = """
module "rotating_secret" {
  minimum_overlap_minutes = 0
  recovery_window_in_days = 0
  rotation = {
    iam_access_key = { settling_seconds = 0, user_name = aws_iam_user.uploader.name }
  }
}
"""


@dataclass(frozen=True, kw_only=True)
class Retired(Deployed):
    """The applied secret, after two rotations."""

    queue_url: str
    terraform: Terraform
    writer: Client
    """Secrets Manager, with the role of the function."""

    @property
    def previous(self) -> dict[str, str]:
        return dict(self.secret.value("AWSPREVIOUS"))

    @property
    def status(self) -> str:
        """The status of the previous key; empty if it is deleted."""
        listed = self.aws.client("iam").list_access_keys(UserName="uploader")["AccessKeyMetadata"]
        found = {key["AccessKeyId"]: str(key["Status"]) for key in listed}
        return found.get(self.previous["AccessKeyId"], "")

    def looks(self) -> list[dict[str, Any]]:
        logged = messages(self.aws, self.outputs["log_group_name"])
        records = [json.loads(one) for one in logged if one.startswith("{")]
        return [one for one in records if one.get("event") == "previous_credential"]

    def look(self) -> dict[str, Any]:
        """Send the event of the daily rule, and return the record of the look."""
        before = len(self.looks())
        rule = str(self.outputs["function_name"]).replace("rotate-", "previous-", 1)
        (target,) = self.aws.client("events").list_targets_by_rule(Rule=rule)["Targets"]
        with denied_at_once(self.aws):
            self.aws.client("lambda").invoke(FunctionName=target["Arn"], Payload=target["Input"])
        return eventually("The record", self.looks, lambda seen: len(seen) > before)[-1]

    def note(self, state: str, age: timedelta) -> None:
        """Write the note as the function did some time ago."""
        since = (datetime.now(UTC) - age).strftime(_TIME)
        tag = {"Key": _TAG, "Value": f"{state} {self.previous['AccessKeyId']} {since}"}
        self.writer.tag_resource(SecretId=self.secret.secret_id, Tags=[tag])

    def message(self) -> dict[str, Any]:
        """Let the watcher look after the look of the function, and receive its message."""
        time = datetime.now(UTC) + timedelta(minutes=15)
        event = {"source": "aws.events", "time": time.strftime(_TIME)}
        name = str(self.outputs["watcher_log_group_name"]).rpartition("/")[2]
        self.aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
        (found,) = eventually("The message", partial(received, self.aws, self.queue_url))
        return dict(found)


@pytest.fixture(scope="module")
def retired(aws: Aws, module: Path) -> Iterator[Retired]:
    folder = module / "previous"
    folder.mkdir()
    page = block("plan", "previous").replace(REGISTRY_SOURCE, 'source = "../"')
    (folder / "main.tf").write_text(page + _USER)
    (folder / "override.tf").write_text(_SHORTENED)
    terraform = Terraform(module, "previous", aws.environment, {})
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()["all"]
        secret = Secret(aws, outputs["secret_arn"])
        secret.wait_for_a_value()
        secret.rotate_and_wait()
        with subscribed(aws, outputs["notification_topic_arn"], "previous") as url:
            yield Retired(
                aws=aws,
                outputs=outputs,
                queue_url=url,
                secret=secret,
                terraform=terraform,
                writer=as_role(aws, outputs["function_role_name"])("secretsmanager"),
            )
    finally:
        terraform.destroy("-refresh=false")


@pytest.fixture
def local(aws: Aws) -> Iterator[LocalAws]:
    assert isinstance(aws, LocalAws)
    yield aws
    aws.set(scheduler_seconds_ahead=0)


def test_a_used_key_is_kept_and_an_unused_one_goes(
    retired: Retired, local: LocalAws, aws_cli: Path
) -> None:
    # EventBridge invokes the function once a day.
    local.set(scheduler_seconds_ahead=1.1 * _DAY.total_seconds())
    (record,) = eventually("The first look", retired.looks)
    assert record["outcome"] == "nothing_to_do", record
    assert retired.secret.tags()[_TAG].startswith(f"active {retired.previous['AccessKeyId']} ")

    retired.note("active", 9 * _DAY)
    assert is_accepted(local, retired.previous)
    record = retired.look()
    assert (record["level"], record["outcome"]) == ("WARN", "in_use"), record
    message = retired.message()
    assert message["MessageAttributes"]["cause"]["Value"] == "previous_in_use"
    key_id = retired.previous["AccessKeyId"]
    assert f"Credential: {key_id}. It is active since " in message["Message"]
    assert f" for sts in {local.environment['AWS_REGION']}." in message["Message"]

    # The uses above do not show yet.
    retired.note("active", 9 * _DAY)
    with local.switched(key_use_lag_seconds=3600):
        assert retired.look()["outcome"] == "deactivated"
    assert retired.status == "Inactive"
    assert not is_accepted(local, retired.previous)
    message = retired.message()
    assert message["MessageAttributes"]["cause"]["Value"] == "previous_deactivated"

    # The message has the command of the page.
    command = block("run", "reactivate").strip()
    _, _, rest = message["Message"].partition("run: ")
    undo = rest.partition("\n")[0]
    words = [command.replace('"$key_id"', key_id).split(), undo.split()]
    assert sorted(words[0]) == sorted(words[1])
    path = f"{aws_cli.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**local.environment, "PATH": path, "key_id": key_id}
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, env=environment)
    assert is_accepted(local, retired.previous)
    with local.switched(key_use_lag_seconds=3600):
        assert retired.look()["outcome"] == "nothing_to_do"
        assert retired.status == "Active"

        retired.note("active", 9 * _DAY)
        assert retired.look()["outcome"] == "deactivated"
        retired.note("inactive", 9 * _DAY)
        assert retired.look()["outcome"] == "deleted"
    assert retired.status == ""
    retired.terraform.require_empty_plan()

    for _ in range(2):
        retired.secret.rotate_and_wait()
    values = [retired.secret.value(label) for label in ("AWSCURRENT", "AWSPREVIOUS")]
    assert all(is_accepted(local, value) for value in values)


_GRANTS: Final[list[Grant]] = [
    ("DeactivateKeysOfThisUser", "iam:UpdateAccessKey"),
    ("ReadTheLastUseOfKeys", "iam:GetAccessKeyLastUsed"),
    ("RecordAnAttempt", "secretsmanager:TagResource"),
]


@pytest.mark.campaign("Grants")
@pytest.mark.parametrize("grant", _GRANTS, ids=lambda grant: grant[1])
def test_a_look_needs_each_grant(retired: Retired, local: LocalAws, grant: Grant) -> None:
    iam = local.client("iam")
    key = {"UserName": "uploader", "AccessKeyId": retired.previous["AccessKeyId"]}
    iam.update_access_key(**key, Status="Active")
    retired.note("active", 9 * _DAY)
    with local.switched(key_use_lag_seconds=3600):
        with without(local, retired.role, grant):
            record = retired.look()
        assert (record["outcome"], record["error"]) == ("failed", "PermissionDenied")
        assert grant[1] in record["message"]
        iam.update_access_key(**key, Status="Active")
        assert retired.look()["outcome"] == "deactivated"
    iam.update_access_key(**key, Status="Active")


def test_only_the_function_writes_the_tag(retired: Retired) -> None:
    secrets = retired.aws.client("secretsmanager")
    tag = [{"Key": _TAG, "Value": f"inactive {'A' * 20} 2020-01-01T00:00:00Z"}]
    code = error_code(secrets.tag_resource, SecretId=retired.secret.secret_id, Tags=tag)
    assert code == "AccessDeniedException"
