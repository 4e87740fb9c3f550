"""A responder runs the commands of docs/revocation.md, and the leaked key of an IAM user ends."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from testing.harness.account import eventually, is_accepted
from testing.harness.provider import AwsProvider
from testing.local_aws import local_aws
from tests.readme.blocks import block, local
from tests.readme.test_commands import SECRET, Applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("readme")

_OVERRIDE: Final = """
module "rotating_secret" {
  rotation = { iam_access_key = { user_name = aws_iam_user.uploader.name, settling_seconds = 0 } }
}
"""
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
) -> Iterator[Applied]:
    root = tmp_path_factory.mktemp("revocation")
    copy_module(root / "terraform-aws-rotating-secret")
    (root / "main.tf").write_text(local("\n".join([block("plan", "revocation"), _ROLE])))
    (root / "override.tf").write_text(_OVERRIDE)
    with ExitStack() as stack:
        aws = stack.enter_context(local_aws(rotation_attempts=1))
        inherited = {name: terraform_env[name] for name in terraform_env if name[:4] != "AWS_"}
        environment = {
            **inherited,
            **aws.environment,
            "PATH": f"{aws_cli.parent}{os.pathsep}{os.environ['PATH']}",
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


def test_the_leaked_key_and_the_previous_one_end_within_the_overlap(
    applied: Applied, responder: Applied
) -> None:
    applied.run(block("run", "rotate"))
    eventually("The second key", lambda: len(applied.keys()) == 2)
    applied.settle()
    leaked, keys = applied.value(), applied.keys()

    responder.run(block("run", "report"))

    eventually(
        "The end", lambda: responder.run(block("run", "revoked")), lambda one: one[:5] == "done "
    )
    assert applied.keys() == {applied.value()["AccessKeyId"]}
    assert applied.keys() & keys == set()
    assert not is_accepted(applied.aws, leaked)
    assert is_accepted(applied.aws, applied.value())
    assert applied.records()[-1]["outcome"] == "revoked"


def test_a_wrong_report_cancels_the_rotation_and_changes_nothing(
    applied: Applied, responder: Applied
) -> None:
    keys = applied.keys()
    # The list shows no version, so that the report names none.
    with applied.aws.switched(functions_sleep=False):
        responder.run(block("run", "report").replace("'AWSCURRENT'", "'NOWHERE'"))
        (failure,) = eventually(
            "The failure", lambda: [one for one in applied.records() if one["outcome"] == "failed"]
        )
    assert failure["error"] == "ProtocolError"
    assert "has no valid request" in failure["message"]
    assert not applied.pending()
    assert applied.keys() == keys


def test_the_statement_is_as_shown(applied: Applied) -> None:
    shown = json.loads(block("grants", "leak-reports"))
    policy = applied.aws.client("secretsmanager").get_resource_policy(SecretId=SECRET)
    found = {one["Sid"]: one for one in json.loads(policy["ResourcePolicy"])["Statement"]}
    account = applied.aws.client("sts").get_caller_identity()["Account"]
    text = json.dumps(found[shown["Sid"]]).replace(account, "123456789012")
    assert json.loads(text) == shown
