"""The audit of a deployed secret, by its own function under its own role."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from testing.harness.account import Aws, Secret, eventually, messages
from testing.harness.terraform import Terraform
from tests.e2e.notifications import received, subscribed
from tests.e2e.roles import Deployed, Grant, denied_at_once, granted, without
from tests.readme.blocks import REGISTRY_SOURCE, block

pytestmark = pytest.mark.xdist_group("audit")

_USER = "uploader"
# Terraform merges an override into the block of the same name.
_SHORTENED = """
module "audited_secret" {
  minimum_overlap_minutes = 0
  notifications           = {}
  recovery_window_in_days = 0
  rotation                = { iam_access_key = { settling_seconds = 0, user_name = "uploader" } }
}
"""
_OUTPUTS = """
output "all" {
  value = module.audited_secret
}

output "audit_function_name" {
  value = module.audited_secret.audit_function_name
}
"""


@dataclass(frozen=True, kw_only=True)
class Audited(Deployed):
    """The applied secret, after its first rotation."""

    folder: Path

    def audits(self) -> list[dict[str, Any]]:
        """Return the records of all audits, the oldest first."""
        logged = messages(self.aws, self.outputs["audit_log_group_name"])
        records = [json.loads(one) for one in logged if one.startswith("{")]
        return [one for one in records if one.get("event") == "audit"]

    def audit(self) -> dict[str, Any]:
        """Run an audit, and return its record."""
        before = len(self.audits())
        self.run()
        return eventually("The record", self.audits, lambda seen: len(seen) > before)[-1]

    def run(self) -> None:
        name = self.outputs["audit_function_name"]
        with denied_at_once(self.aws):
            self.aws.client("lambda").invoke(FunctionName=name, Payload=b"{}")

    @property
    def audit_role(self) -> str:
        return str(self.outputs["audit_function_name"])


@pytest.fixture(scope="module")
def audited(aws: Aws, module: Path) -> Iterator[Audited]:
    folder = module / "audit"
    folder.mkdir()
    page = block("plan", "audit").replace(REGISTRY_SOURCE, 'source = "../"')
    (folder / "main.tf").write_text(page + _OUTPUTS)
    (folder / "override.tf").write_text(_SHORTENED)
    aws.client("iam").create_user(UserName=_USER)
    terraform = Terraform(module, "audit", aws.environment, {})
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()["all"]
        secret = Secret(aws, outputs["secret_arn"])
        secret.wait_for_a_value()
        yield Audited(aws=aws, folder=folder, outputs=outputs, secret=secret)
    finally:
        terraform.destroy("-refresh=false")
        for key in aws.client("iam").list_access_keys(UserName=_USER)["AccessKeyMetadata"]:
            aws.client("iam").delete_access_key(UserName=_USER, AccessKeyId=key["AccessKeyId"])
        aws.client("iam").delete_user(UserName=_USER)


def test_the_command_of_the_page_audits_a_healthy_secret(audited: Audited, aws_cli: Path) -> None:
    path = f"{aws_cli.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("run", "audit")],
        check=True,
        cwd=audited.folder,
        env={**audited.aws.environment, "PATH": path},
    )
    (record,) = eventually("The record", audited.audits)
    assert (record["level"], record["outcome"]) == ("INFO", "clean"), record


# Only a finding needs them. The last two tests notify and rotate.
_TO_ACT = {"HaveTheFunctionInvoked", "Notify", "StartTheRotation"}


def test_the_audit_needs_each_grant(audited: Audited) -> None:
    grants = {one for one in granted(audited.aws, audited.audit_role) if one[0] not in _TO_ACT}
    assert ("ListKeysOfThisUser", "iam:ListAccessKeys") in grants
    for grant in sorted(grants):
        before = audited.audits()
        with without(audited.aws, audited.audit_role, grant):
            audited.run()
        assert audited.audits() == before if _is_of_logs(grant) else _fails(audited, before), grant


def _is_of_logs(grant: Grant) -> bool:
    return grant[0] == "DeliverLogs"


def _fails(audited: Audited, before: list[dict[str, Any]]) -> bool:
    last = eventually("The record", audited.audits, lambda seen: len(seen) > len(before))[-1]
    return bool(last["outcome"] == "failed" or last["findings"] == "not_checked")


def test_a_key_that_someone_else_made_is_found(audited: Audited) -> None:
    iam = audited.aws.client("iam")
    key_id = iam.create_access_key(UserName=_USER)["AccessKey"]["AccessKeyId"]
    with subscribed(audited.aws, audited.outputs["notification_topic_arn"], "audited") as url:
        record = audited.audit()
        (message,) = eventually("The notification", partial(received, audited.aws, url))
    iam.delete_access_key(UserName=_USER, AccessKeyId=key_id)
    assert (record["level"], record["findings"]) == ("WARN", "unknown_credential")
    assert key_id in record["message"]
    assert message["Message"].endswith(f"- {record['message']}")


def test_a_key_that_someone_deleted_is_found_and_replaced(audited: Audited) -> None:
    key = audited.secret.value()
    audited.aws.client("iam").delete_access_key(UserName=_USER, AccessKeyId=key["AccessKeyId"])
    record = audited.audit()
    assert record["findings"] == "current_rejected"
    assert key["AccessKeyId"] in record["message"]
    eventually("The next key", audited.secret.value, lambda value: value != key)
    # The deleted key is now the previous one.
    assert audited.audit()["findings"] == "previous_rejected"
