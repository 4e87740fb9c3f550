"""Deploys a secret of each strategy, and reads all values of a secret."""

import json
from collections.abc import Iterator
from typing import Final

from testing.harness.account import Secret
from testing.harness.terraform import instance_outputs, instances
from testing.local_aws import LocalAws
from tests.selection import Rotators

_ACCOUNT: Final = """
variable "github" {
  type = object({
    api_url         = string
    client_id       = string
    installation_id = number
    kms_key_arn     = string
  })
}

variable "database" {
  type = object({
    admin_secret_arn = string
    ca_certificates  = string
    host             = string
    port             = number
  })
  default = null
}

variable "mysql" {
  type = object({
    admin_secret_arn = string
    ca_certificates  = string
    host             = string
    port             = number
  })
  default = null
}

variable "redis" {
  type = object({
    administrator_secret_arn = string
    host                     = string
    port                     = string
  })
}

variable "layer" {
  type = string
}

resource "aws_lambda_layer_version" "cryptography" {
  layer_name = "leaks-cryptography"
  filename   = var.layer
}

variable "topic" {
  type = string
}

variable "value" {
  type      = string
  ephemeral = true
}

variable "endpoint" {
  type = string
}

resource "aws_iam_user" "rotated" {
  name          = "leaks"
  path          = "/apps/"
  force_destroy = true
}

resource "aws_iam_user_policy" "rotated" {
  name = "bedrock"
  user = aws_iam_user.rotated.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["bedrock:CallWithBearerToken", "bedrock:ListFoundationModels"]
      Resource = "*"
    }]
  })
}
"""


def root(rotators: Rotators) -> Iterator[tuple[str, str]]:
    """Return the files of a root with a secret of each strategy, and one without rotation."""
    rotated = {
        one.name: {
            "name": f"leaks/{one.name}",
            "alarm_actions": ["${var.topic}"],
            # The log has everything that the function's libraries log.
            "function": {
                "layers": ["${aws_lambda_layer_version.cryptography.arn}"],
                "log_level": "DEBUG",
            },
            "minimum_overlap_minutes": 0,
            "rotation": {one.name: one.leaks.rotation},
            **one.leaks.variables,
        }
        for one in rotators
    }
    calls = {**rotated, "fixed": {"name": "leaks/fixed", "initial_value_version": 1}}
    called = instances(
        {name: {**inputs, "recovery_window_in_days": 0} for name, inputs in calls.items()},
        initial_value="var.value",
        source="../",
    )
    yield "main.tf", _ACCOUNT
    yield "modules.tf.json", json.dumps({**called, "output": instance_outputs(calls)})


def values(secret: Secret, aws: LocalAws) -> Iterator[str]:
    """Read every value that a secret still holds, with or without a label."""
    client = aws.client("secretsmanager")
    listed = client.list_secret_version_ids(SecretId=secret.secret_id, IncludeDeprecated=True)
    for version in listed["Versions"]:
        text = secret.text(version["VersionId"])
        if text is not None:
            yield text
