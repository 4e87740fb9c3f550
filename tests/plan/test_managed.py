"""A managed secret of a database in the same apply: what the plan knows of it."""

import json

import pytest

from tests.plan.conftest import MakeRoot

pytestmark = pytest.mark.xdist_group("plan")

_CONFIGURATION = """
resource "aws_db_instance" "reports" {
  allocated_storage           = 20
  engine                      = "postgres"
  instance_class              = "db.t4g.micro"
  manage_master_user_password = true
  username                    = "reports"
}

module "secret" {
  source              = "../module"
  alarm_actions       = ["arn:aws:sns:eu-west-1:123456789012:alerts"]
  readers             = ["arn:aws:iam::123456789012:role/reporter"]
  schedule_expression = "rate(1 hour)"
  scheduler           = { name = "rotate-reports" }

  rotation = {
    managed = { secret_arn = aws_db_instance.reports.master_user_secret[0].secret_arn }
  }
}

output "secret" {
  value = module.secret
}
"""


def test_an_unknown_arn_decides_no_count_and_hides_only_what_contains_it(
    make_root: MakeRoot,
) -> None:
    secret = make_root(_CONFIGURATION).plan().instance("secret")
    assert len(secret.resources) == 16
    hiding = {
        address
        for address, unknown in secret.unknown.items()
        if {"event_pattern", "policy"} & unknown.keys() and not address.endswith(".dead_letter")
    }
    assert hiding == {
        "module.alarm[0].aws_cloudwatch_event_rule.this",
        "module.alarm[0].aws_sqs_queue.this",
        "module.schedule[0].aws_iam_role_policy.this",
    }
    (readers,) = secret.statements("aws_secretsmanager_secret_policy.this[0]")
    assert readers["Sid"] == "ReadersRead"
    assert secret.outputs["rotation_enabled"]
    known = json.dumps(secret.outputs)
    assert "role/rotate-reports" in known
    assert "sqs:eu-west-1:123456789012:rotate-reports" in known
