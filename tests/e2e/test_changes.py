"""Changes of live secrets: each fails at plan, or every secret keeps rotating."""

import json
from pathlib import Path

import pytest

from testing.harness.account import Aws, Secret, eventually
from testing.harness.terraform import Terraform, TerraformError
from tests.policies import faults

# The plans of all changes, and what the function makes of each, are tested without an apply.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("changes-of-live-secrets")]

_ROOT = """
variable "former_user_names" {
  type    = list(string)
  default = []
}

variable "function_name" {
  type    = string
  default = "rotate-changes-first"
}

variable "json_key" {
  type    = string
  default = null
}

variable "name" {
  type    = string
  default = "changes/limited"
}

variable "service" {
  type    = string
  default = "password"
}

variable "trigger" {
  type    = string
  default = "first"
}

variable "user" {
  type    = string
  default = "changes"
}

variable "with_key" {
  type    = bool
  default = true
}

resource "aws_kms_key" "this" {
  deletion_window_in_days = 7
}

module "key" {
  source = "../"

  name                    = "changes/key"
  former_kms_key_arns     = var.with_key ? [] : [aws_kms_key.this.arn]
  kms_key_arn             = var.with_key ? aws_kms_key.this.arn : null
  recovery_window_in_days = 0
  rotation                = { random_value = {} }
}

output "key" {
  value = module.key
}

resource "aws_iam_user" "this" {
  name          = var.user
  force_destroy = true
}

module "limited" {
  source = "../"

  name                    = var.name
  function                = { name = var.function_name }
  minimum_overlap_minutes = 0
  recovery_window_in_days = 0

  rotation = {
    iam_access_key = {
      former_user_names = var.former_user_names
      settling_seconds  = 0
      user_name         = aws_iam_user.this.name
    }
  }
}

module "text" {
  source = "../"

  name                    = "changes/text"
  function                = { log_skip_destroy = true }
  recovery_window_in_days = 0
  rotation                = { random_value = { json_key = var.json_key } }
}

module "fields" {
  source = "../"

  name                    = "changes/fields"
  initial_value           = jsonencode({ port = 5432, password = "a", tls = true, replica = null })
  initial_value_version   = 1
  recovery_window_in_days = 0
  rotation                = { random_value = { json_key = var.service } }
  rotation_triggers       = { this = var.trigger }
}

output "limited" {
  value = module.limited
}

output "text" {
  value = module.text
}

output "fields" {
  value = module.fields
}
"""
_REFUSED = {"name": "changes/renamed", "service": "secret"}


def test_several_changes_at_once(aws: Aws, module: Path) -> None:
    (module / "changes").mkdir()
    (module / "changes" / "main.tf").write_text(_ROOT)
    terraform = Terraform(module, "changes", aws.environment, {})
    terraform.init()
    try:
        terraform.apply()
        outputs = terraform.outputs()
        assert faults(json.loads(outputs["limited"]["reader_policy_json"])) == []
        limited, text, fields, key = (
            Secret(aws, outputs[name]["secret_arn"])
            for name in ("limited", "text", "fields", "key")
        )
        for secret in (limited, text, fields, key):
            secret.wait_for_a_value()
        limited.rotate_and_wait()
        rotating = (limited, text, fields)
        before = [secret.text() for secret in rotating]

        terraform.set(**_REFUSED)
        with pytest.raises(TerraformError) as refused:
            terraform.run("plan")
        words = " ".join(str(refused.value).split())
        assert 'name must stay "changes/limited"' in words
        assert 'Secret changes/fields: json_key must stay "password"' in words

        aws.client("secretsmanager").update_secret(
            SecretId=key.secret_id, KmsKeyId="alias/aws/secretsmanager"
        )
        terraform.set(
            **dict.fromkeys(_REFUSED),
            with_key=False,
            former_user_names=["changes"],
            function_name="rotate-changes-second",
            json_key="value",
            trigger="second",
            user="changes-renamed",
        )
        terraform.apply()
        eventually(
            "The rotations",
            lambda: [secret.text() for secret in rotating],
            lambda now: all(map(str.__ne__, map(str, now), map(str, before))),
        )
        limited.rotate_and_wait()
        for _ in range(2):
            key.rotate_and_wait()

        assert text.value().keys() == {"value"}
        assert text.text("AWSPREVIOUS") == before[1]
        others = {"port": 5432, "tls": True, "replica": None}
        assert fields.value().items() >= others.items()
        assert limited.value()["UserName"] == "changes-renamed"
        role_name = terraform.outputs()["limited"]["function_role_name"]
        assert role_name.startswith("rotate-changes-second-")
        terraform.require_empty_plan()
    finally:
        terraform.destroy()
    logs, kept = aws.client("logs"), outputs["text"]["log_group_name"]
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/rotate-changes-")
    assert [group["logGroupName"] for group in groups["logGroups"]] == [kept]
    logs.delete_log_group(logGroupName=kept)
