"""No form of a plan shows the value of a secret (promise 1)."""

import json
import re
import zipfile
from pathlib import Path

import hcl2
import pytest

from tests.plan.conftest import MakeRoot

pytestmark = pytest.mark.xdist_group("plan")

_MARK = "Tr0ub4dor&3"


# A fixed value, and a first value before those of each kind of function.
_GIVEN = """
variable "value" {
  type      = string
  ephemeral = true
}

module "secret" {
  source = "../module"

  for_each = {
    fixed    = null
    random   = { random_value = {} }
    existing = { function = { arn = "arn:aws:lambda:eu-west-1:123456789012:function:rotate" } }
  }

  name                  = each.key
  initial_value         = var.value
  initial_value_version = 1
  rotation              = each.value
}

output "secret" {
  value = module.secret
}
"""


def test_a_first_value_is_nowhere_in_the_plan(
    make_root: MakeRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_value", _MARK)
    plan = make_root(_GIVEN).plan()
    versions = [one for one in plan.shown["resource_changes"] if "secret_version" in one["type"]]
    assert len(versions) == 3
    assert _MARK not in plan.output + json.dumps(plan.shown)
    with zipfile.ZipFile(plan.file) as saved:
        assert [name for name in saved.namelist() if _MARK.encode() in saved.read(name)] == []


def test_there_are_no_other_outputs_and_environment_variables(repository: Path) -> None:
    outputs = hcl2.loads((repository / "outputs.tf").read_text(encoding="utf-8"))["output"]
    assert [name.strip('"') for one in outputs for name in one] == [
        *("audit_function_name", "audit_log_group_name", "dead_letter_queue_arn"),
        *("function_arn", "function_name", "function_role_arn", "function_role_name"),
        *("log_group_name", "notification_topic_arn", "reader_policy_json"),
        *("responder_policy_json", "rotation_enabled"),
        *("schedule_arn", "schedule_role_arn"),
        *("secret_arn", "secret_name", "secret_replica_arns", "watcher_log_group_name"),
    ]
    function = (repository / "modules/function/main.tf").read_text(encoding="utf-8")
    assert re.findall(r"variables += (.*)", function) == [
        "merge(var.environment, { ROTATION_SETTINGS = var.settings })"
    ]


def test_the_module_makes_no_credential_itself(repository: Path) -> None:
    """Each of these stores its value in the state."""
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in (*repository.glob("*.tf"), *(repository / "modules").rglob("*.tf"))
    )
    for kind in ("aws_iam_access_key", "random_password", "aws_secretsmanager_random_password"):
        assert f'"{kind}"' not in text
