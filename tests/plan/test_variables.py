"""Each wrong value fails at plan, with the rule, what to write, and what was found (promise 6)."""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import hcl2
import pytest
from _pytest.mark import ParameterSet  # pytest.param() returns this type, which has no public name.

from tests.plan.conftest import Refuse, RefuseEach
from tests.strategies import ALL, CUSTOM, EXISTING, MANAGED, REPRESENTATIVE, SIMPLEST

# One process plans all wrong values, once.
pytestmark = pytest.mark.xdist_group("rules")

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ALIAS = "arn:aws:kms:eu-west-1:123456789012:alias/reports"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:rotate"
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:certificates:1"
READER = "arn:aws:iam::123456789012:role/reporter"
SESSION = "arn:aws:sts::123456789012:assumed-role/reporter/mona"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"

TOKEN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:github/token-a1B2c3"  # noqa: S105 -- an ARN
REPOSITORY = Path(__file__).resolve().parents[2]
ROTATOR = REPOSITORY / "examples" / "custom" / "rotate.py"
GRANT: dict[str, object] = {"actions": ["secretsmanager:GetSecretValue"], "resource": TOKEN}
IAM = {REPRESENTATIVE.name: REPRESENTATIVE.options}
RANDOM: dict[str, Any] = {SIMPLEST.name: {}}
STATEMENT: dict[str, object] = {
    "actions": ["secretsmanager:DescribeSecret"],
    "principals": {"AWS": [READER]},
}
OWN_FUNCTION = {EXISTING.name: {"arn": FUNCTION}}
RESPONDER = {"responders": [READER]}
MASTER = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rds!db-0e1f2a3b-a1B2c3"
MASTER_USER: dict[str, Any] = {MANAGED.name: {"secret_arn": MASTER}}


def iam(**options: object) -> dict[str, object]:
    """The variables of an IAM key with these options."""
    return REPRESENTATIVE.module_call_with(options)


def custom(**options: object) -> dict[str, Any]:
    """The variables of a custom rotator with these options."""
    return {"rotation": {CUSTOM.name: {"source_file": str(ROTATOR)} | options}}


def random(**options: object) -> dict[str, object]:
    """The variables of a random value with these options."""
    return {"rotation": {SIMPLEST.name: options}}


def function(**options: object) -> dict[str, object]:
    """The variables of a rotated secret whose function has these options."""
    return {"rotation": RANDOM, "function": options}


def managed(**others: object) -> dict[str, object]:
    """The variables of a secret that a service has made and named."""
    return {"name": None, "rotation": MASTER_USER} | others


def statement(**options: object) -> dict[str, object]:
    """The variables of one more statement of the secret's policy."""
    return {"policy_statements": {"AuditorsDescribe": STATEMENT | options}}


def schedule(expression: str, **others: object) -> dict[str, object]:
    """The variables of a rotated secret with this schedule."""
    return {"rotation": RANDOM, "schedule_expression": expression} | others


# Each rule of the root module: its text, one input that it refuses with what the message says
# was found, and one that it accepts.
CASES = [
    pytest.param(
        "name must have 1 to 512 letters",
        {"name": "reports uploader"},
        '"reports uploader".',
        {"name": "reports/uploader_+=.@-1"},
        id="name",
    ),
    pytest.param(
        "name must be set if this module makes the secret",
        {"name": None},
        "no name.",
        {"name": "secret"},
        id="name-missing",
    ),
    pytest.param(
        "name must be null for a managed secret",
        managed(name="reports/master"),
        '"reports/master".',
        managed(),
        id="name-beside-managed",
    ),
    pytest.param(
        "Each of administrators must be a role, a user or an account",
        {"administrators": ["*"], "readers": [READER], "readers_exclusive": True},
        '["*"].',
        {
            "administrators": ["arn:aws:iam::123456789012:role/aws-reserved/*/Admin_*"],
            "readers": [READER],
            "readers_exclusive": True,
        },
        id="administrators",
    ),
    pytest.param(
        "Each of alarm_actions must be an ARN",
        {"alarm_actions": ["https://hooks.example.com/T0/B0/word"], "rotation": IAM},
        '["a text that may be a credential and is not shown"].',
        {"alarm_actions": [TOPIC], "rotation": IAM},
        id="alarm_actions",
    ),
    pytest.param(
        "alarm_actions must be empty if this module makes neither",
        {"alarm_actions": [TOPIC], "rotation": OWN_FUNCTION},
        "the strategy function.",
        {"alarm_actions": [TOPIC], "metrics": True, "notifications": {}, "rotation": OWN_FUNCTION},
        id="alarm_actions-without-a-function",
    ),
    pytest.param(
        "audit must be null if this module makes no function",
        {"audit": {}, "rotation": OWN_FUNCTION},
        "the strategy function.",
        {"audit": {}, "rotation": RANDOM},
        id="audit-without-a-function",
    ),
    pytest.param(
        "audit.schedule_expression must be a rate in hours or days",
        {"audit": {"schedule_expression": "rate(15 minutes)"}, "rotation": RANDOM},
        '"rate(15 minutes)".',
        {"audit": {"schedule_expression": "cron(0 6 ? * MON *)"}, "rotation": RANDOM},
        id="audit.schedule_expression",
    ),
    pytest.param(
        "description must have at most 2048 characters",
        {"description": "d" * 2049},
        "2049 characters.",
        {"description": "d" * 2048},
        id="description",
    ),
    pytest.param(
        "description must be null for a managed secret",
        managed(description="Master user"),
        '"Master user".',
        managed(description=None),
        id="description-beside-managed",
    ),
    pytest.param(
        "function must be null if this module makes no function",
        {"function": {}, "rotation": OWN_FUNCTION},
        "the strategy function.",
        {"rotation": OWN_FUNCTION},
        id="function-beside-an-existing-one",
    ),
    pytest.param(
        "function.architecture must be",
        function(architecture="arm"),
        '"arm".',
        function(architecture="x86_64"),
        id="function.architecture",
    ),
    pytest.param(
        "function.kms_key_arn must be the ARN of a key",
        function(kms_key_arn=ALIAS),
        f'"{ALIAS}".',
        function(kms_key_arn=KEY),
        id="function.kms_key_arn",
    ),
    pytest.param(
        "function.layers must have at most five ARNs of layer versions",
        function(layers=["certificates"]),
        '["certificates"].',
        function(layers=[LAYER]),
        id="function.layers",
    ),
    pytest.param(
        "function.log_level must be",
        function(log_level="WARNING"),
        '"WARNING".',
        function(log_level="WARN"),
        id="function.log_level",
    ),
    pytest.param(
        "function.log_retention_in_days must be one of",
        function(log_retention_in_days=31),
        "31.",
        function(log_retention_in_days=0),
        id="function.log_retention_in_days",
    ),
    pytest.param(
        "function.memory_size must be a whole number of MB",
        function(memory_size=127),
        "127.",
        function(memory_size=128),
        id="function.memory_size",
    ),
    pytest.param(
        "function.name must have 1 to 64 letters",
        function(name="rotate/uploader"),
        '"rotate/uploader".',
        function(name="rotate-uploader"),
        id="function.name",
    ),
    pytest.param(
        "function.permissions_boundary must be the ARN of a policy",
        function(permissions_boundary="boundary"),
        '"boundary".',
        function(permissions_boundary="arn:aws:iam::aws:policy/PowerUserAccess"),
        id="function.permissions_boundary",
    ),
    pytest.param(
        "function.reserved_concurrent_executions must be a whole number of at least 1",
        function(reserved_concurrent_executions=0),
        "0.",
        function(reserved_concurrent_executions=1),
        id="function.reserved_concurrent_executions",
    ),
    pytest.param(
        "function.role_arn must be the ARN of an existing role",
        function(role_arn="rotation"),
        '"rotation".',
        function(role_arn="arn:aws:iam::123456789012:role/rotation"),
        id="function.role_arn",
    ),
    pytest.param(
        "function.permissions_boundary and function.role_path must be null",
        function(role_arn="arn:aws:iam::123456789012:role/rotation", role_path="/rotation/"),
        '"arn:aws:iam::123456789012:role/rotation".',
        function(role_path="/rotation/"),
        id="function.role_arn-with-role_path",
    ),
    pytest.param(
        "function.role_path must begin and end with a slash",
        function(role_path="rotation"),
        '"rotation".',
        function(role_path="/"),
        id="function.role_path",
    ),
    pytest.param(
        "function.runtime must be a Python version",
        function(runtime="python3.9"),
        '"python3.9".',
        function(runtime="python3.14"),
        id="function.runtime",
    ),
    pytest.param(
        "function.timeout must be a whole number of seconds",
        function(timeout=901),
        "901.",
        function(timeout=900),
        id="function.timeout",
    ),
    pytest.param(
        "function.timeout must be at least 60 seconds plus settling_seconds",
        iam(settling_seconds=10) | {"function": {"timeout": 69}},
        "69.",
        iam(settling_seconds=10) | {"function": {"timeout": 70}},
        id="function.timeout-below-the-settling-time",
    ),
    pytest.param(
        "function.tracing_mode must be",
        function(tracing_mode="active"),
        '"active".',
        function(tracing_mode="Active"),
        id="function.tracing_mode",
    ),
    pytest.param(
        "function.vpc must have at least one subnet and one security group",
        function(vpc={"security_group_ids": [], "subnet_ids": ["subnet-0123456789abcdef0"]}),
        '{"security_group_ids":[],"subnet_ids":["subnet-0123456789abcdef0"]}.',
        function(
            vpc={
                "security_group_ids": ["sg-0123456789abcdef0"],
                "subnet_ids": ["subnet-0123456789abcdef0"],
            }
        ),
        id="function.vpc",
    ),
    pytest.param(
        "initial_value and initial_value_version must be set together",
        {"initial_value": "first"},
        "only initial_value.",
        {"initial_value": "first", "initial_value_version": 1},
        id="initial_value-alone",
    ),
    pytest.param(
        "initial_value must have 1 to 65536 bytes",
        {"initial_value": "é" * 32769, "initial_value_version": 1},
        None,
        {"initial_value": "é" * 32768, "initial_value_version": 1},
        id="initial_value-too-long",
    ),
    pytest.param(
        "initial_value must have the form of the values that replace it",
        random(json_key="password") | {"initial_value": "first", "initial_value_version": 1},
        None,
        random(json_key="password")
        | {"initial_value": '{"password":"first"}', "initial_value_version": 1},
        id="initial_value-of-another-form",
    ),
    pytest.param(
        "initial_value_version must be a whole number of at least 1",
        {"initial_value": "first", "initial_value_version": 0},
        "0.",
        {"initial_value": "first", "initial_value_version": 2},
        id="initial_value_version",
    ),
    pytest.param(
        "initial_value_version must be null if a service makes the credential",
        {"initial_value": "first", "initial_value_version": 1, "rotation": IAM},
        "the strategy iam_access_key.",
        {"initial_value": "first", "initial_value_version": 1, "rotation": OWN_FUNCTION},
        id="initial_value_version-of-an-issued-credential",
    ),
    pytest.param(
        "give_up_after_hours must be a whole number to 23976",
        schedule("rate(10 days)", give_up_after_hours=48.5, notifications={}),
        "48.5.",
        schedule("rate(10 days)", give_up_after_hours=48, notifications={}),
        id="give_up_after_hours",
    ),
    pytest.param(
        "give_up_after_hours must be null if this module makes no function",
        {"give_up_after_hours": 48, "notifications": {}, "rotation": OWN_FUNCTION},
        "the strategy function.",
        {"give_up_after_hours": 48, "notifications": {}, "rotation": RANDOM},
        id="give_up_after_hours-without-a-function",
    ),
    pytest.param(
        "give_up_after_hours must be null if notifications is null",
        {"give_up_after_hours": 48, "rotation": RANDOM},
        "no notifications.",
        {"give_up_after_hours": 48, "notifications": {}, "rotation": RANDOM},
        id="give_up_after_hours-without-notifications",
    ),
    pytest.param(
        "give_up_after_hours must be longer than the rotation window and an hour",
        schedule("rate(10 days)", give_up_after_hours=25, notifications={}),
        "25.",
        schedule("rate(10 days)", give_up_after_hours=26, notifications={}),
        id="give_up_after_hours-within-the-window",
    ),
    pytest.param(
        "metrics must be false if notifications is null",
        {"metrics": True, "rotation": RANDOM},
        "no notifications.",
        {"metrics": True, "notifications": {}, "rotation": RANDOM},
        id="metrics-without-notifications",
    ),
    pytest.param(
        "metrics must be true if notifications.dashboard is true",
        {"notifications": {"dashboard": True}, "rotation": RANDOM},
        "false.",
        {"metrics": True, "notifications": {"dashboard": True}, "rotation": RANDOM},
        id="dashboard-without-metrics",
    ),
    pytest.param(
        "notifications must be null if rotation is null",
        {"notifications": {}},
        "no rotation.",
        {"notifications": {}, "rotation": RANDOM},
        id="notifications-without-rotation",
    ),
    pytest.param(
        "notifications.kms_key_arn must be the ARN of a key",
        {"notifications": {"kms_key_arn": ALIAS}, "rotation": RANDOM},
        f'"{ALIAS}".',
        {"notifications": {"kms_key_arn": KEY}, "rotation": RANDOM},
        id="notifications.kms_key_arn",
    ),
    pytest.param(
        "notifications.topic_arn must be the ARN of a standard SNS topic",
        {"notifications": {"topic_arn": f"{TOPIC}.fifo"}, "rotation": RANDOM},
        f'"{TOPIC}.fifo".',
        managed(notifications={"topic_arn": TOPIC}),
        id="notifications.topic_arn",
    ),
    pytest.param(
        "kms_key_arn must be the ARN of a key",
        {"kms_key_arn": ALIAS},
        f'"{ALIAS}".',
        {"kms_key_arn": KEY},
        id="kms_key_arn",
    ),
    pytest.param(
        "minimum_overlap_minutes must be a whole number of at least 0",
        {"minimum_overlap_minutes": -1, "rotation": IAM},
        "-1.",
        {"minimum_overlap_minutes": 0, "rotation": IAM},
        id="minimum_overlap_minutes",
    ),
    pytest.param(
        "minimum_overlap_minutes must be null if this module makes no function",
        {"minimum_overlap_minutes": 60, "rotation": OWN_FUNCTION},
        "the strategy function.",
        {"minimum_overlap_minutes": 60, "rotation": RANDOM},
        id="minimum_overlap_minutes-beside-an-existing-function",
    ),
    pytest.param(
        "The shortest time between two rotations must be longer than minimum_overlap_minutes",
        {
            "minimum_overlap_minutes": 180,
            "rotation": IAM,
            "schedule_expression": "rate(4 hours)",
        },
        "rate(4 hours) with 240 minutes, less 60 for its window, and an overlap of 180 minutes.",
        {
            "minimum_overlap_minutes": 179,
            "rotation": IAM,
            "schedule_expression": "rate(4 hours)",
        },
        id="minimum_overlap_minutes-as-long-as-the-rate",
    ),
    pytest.param(
        "The keys of policy_statements must be Sids of letters and digits",
        {"policy_statements": {"ReadersRead": STATEMENT}},
        '["ReadersRead"].',
        statement(),
        id="policy_statements-sid",
    ),
    pytest.param(
        "The effect of each of policy_statements must be",
        statement(effect="allow"),
        '{"AuditorsDescribe":"allow"}.',
        statement(effect="Deny"),
        id="policy_statements-effect",
    ),
    pytest.param(
        "The actions of each of policy_statements must be Secrets Manager's",
        statement(actions=["secretsmanager:*"]),
        '{"AuditorsDescribe":["secretsmanager:*"]}.',
        statement(actions=["secretsmanager:*"], effect="Deny"),
        id="policy_statements-actions",
    ),
    pytest.param(
        "The principals of each of policy_statements must be lists",
        statement(principals={"User": [READER]}),
        f'{{"AuditorsDescribe":{{"User":["{READER}"]}}}}.',
        statement(principals={"Service": ["backup.amazonaws.com"]}),
        id="policy_statements-principals",
    ),
    pytest.param(
        "The conditions of each of policy_statements must have at least one key",
        statement(conditions={"StringEquals": {}}),
        '{"AuditorsDescribe":{"StringEquals":{}}}.',
        statement(conditions={"StringEquals": {"aws:PrincipalOrgID": ["o-1"]}}),
        id="policy_statements-conditions",
    ),
    pytest.param(
        "A statement of policy_statements that allows everyone must have a condition",
        statement(principals={"AWS": ["*"]}),
        '["AuditorsDescribe"].',
        statement(
            conditions={"StringEquals": {"aws:PrincipalOrgID": ["o-1"]}}, principals={"AWS": ["*"]}
        ),
        id="policy_statements-public",
    ),
    pytest.param(
        "Each of readers must be a role, a user, a session or an account",
        {"readers": ["arn:aws:iam::123456789012:role/*"]},
        '["arn:aws:iam::123456789012:role/*"].',
        {"readers": [READER, SESSION, "123456789012", "arn:aws:iam::123456789012:root"]},
        id="readers",
    ),
    pytest.param(
        "readers must not be empty if readers_exclusive is set",
        {"readers_exclusive": True},
        "no readers.",
        {"readers": [READER], "readers_exclusive": True},
        id="readers_exclusive-without-readers",
    ),
    pytest.param(
        "readers must name the role of each session if readers_exclusive is set",
        {"readers": [SESSION], "readers_exclusive": True},
        f'["{SESSION}"].',
        {"readers": [SESSION.replace("assumed-role/reporter", "federated-user")]}
        | {"readers_exclusive": True},
        id="readers_exclusive-of-a-session",
    ),
    pytest.param(
        "administrators must be empty if readers_exclusive is false",
        {"administrators": [READER]},
        "readers_exclusive = false.",
        {"administrators": [READER], "readers": [READER], "readers_exclusive": True},
        id="readers_exclusive-missing-beside-administrators",
    ),
    pytest.param(
        "administrators must include the role that runs Terraform",
        {
            "initial_value": "first",
            "initial_value_version": 1,
            "readers": [READER],
            "readers_exclusive": True,
        },
        "no administrators.",
        {
            "administrators": ["arn:aws:iam::123456789012:role/terraform"],
            "initial_value": "first",
            "initial_value_version": 1,
            "readers": [READER],
            "readers_exclusive": True,
        },
        id="readers_exclusive-without-terraform",
    ),
    pytest.param(
        "recovery_window_in_days must be 0",
        {"recovery_window_in_days": 6},
        "6.",
        {"recovery_window_in_days": 0},
        id="recovery_window_in_days",
    ),
    pytest.param(
        "recovery_window_in_days must not be set for a managed secret",
        managed(recovery_window_in_days=7),
        "7.",
        managed(recovery_window_in_days=30),
        id="recovery_window_in_days-beside-managed",
    ),
    pytest.param(
        "replica_regions must not be empty if replica_overwrite is set",
        {"replica_overwrite": True},
        "no replica_regions.",
        {"replica_overwrite": True, "replica_regions": {"eu-central-1": None}},
        id="replica_overwrite",
    ),
    pytest.param(
        "The keys of replica_regions must be regions",
        {"replica_regions": {"frankfurt": None}},
        '["frankfurt"].',
        {"replica_regions": {"us-gov-west-1": None, "eusc-de-east-1": None}},
        id="replica_regions",
    ),
    pytest.param(
        "Each value of replica_regions must be null or the ARN of a key in that region",
        {"replica_regions": {"eu-central-1": KEY}},
        f'{{"eu-central-1":"{KEY}"}}.',
        {"replica_regions": {"eu-central-1": KEY.replace("eu-west-1", "eu-central-1")}},
        id="replica_regions-key",
    ),
    pytest.param(
        "replica_regions must be empty for a managed secret",
        managed(replica_regions={"eu-central-1": None}),
        '["eu-central-1"].',
        managed(replica_regions={}),
        id="replica_regions-beside-managed",
    ),
    pytest.param(
        "rotate_immediately must be true if rotation is null",
        {"rotate_immediately": False},
        "no rotation.",
        {"rotate_immediately": False, "rotation": RANDOM},
        id="rotate_immediately-without-rotation",
    ),
    pytest.param(
        "rotation must have exactly one strategy",
        {"rotation": IAM | RANDOM},
        f"{REPRESENTATIVE.name}, {SIMPLEST.name}.",
        {"rotation": None},
        id="rotation-two-strategies",
    ),
    pytest.param(
        "maximum_age_days must be a whole number",
        schedule("rate(4 hours)", maximum_age_days=0.5),
        "0.5.",
        schedule("rate(4 hours)", maximum_age_days=1),
        id="maximum_age_days",
    ),
    pytest.param(
        "maximum_age_days must be null if rotation is null or switched off",
        {"maximum_age_days": 90},
        "no rotation.",
        schedule("rate(30 days)", maximum_age_days=90),
        id="maximum_age_days-without-rotation",
    ),
    pytest.param(
        "schedule_expression must end each credential within maximum_age_days",
        schedule("rate(60 days)", maximum_age_days=90, rotation=IAM),
        "121 days with rate(60 days), and a maximum_age_days of 90.",
        schedule("rate(44 days)", maximum_age_days=90, rotation=IAM),
        id="maximum_age_days-of-two-intervals",
    ),
    pytest.param(
        "schedule_duration must be null if rotation is null",
        {"schedule_duration": "2h"},
        "no rotation.",
        {"rotation": RANDOM, "schedule_duration": "2h"},
        id="schedule_duration-without-rotation",
    ),
    pytest.param(
        "schedule_duration must end the window before the next one opens",
        schedule("cron(0 22 1 * ? *)", schedule_duration="3h"),
        '"3h".',
        schedule("cron(0 22 1 * ? *)", schedule_duration="2h"),
        id="schedule_duration",
    ),
    pytest.param(
        "schedule_duration must be null if EventBridge Scheduler keeps the schedule",
        schedule("rate(3 hours)", schedule_duration="1h"),
        "rate(3 hours).",
        schedule("rate(4 hours)", schedule_duration="1h"),
        id="schedule_duration-of-a-fast-schedule",
    ),
    pytest.param(
        "schedule_expression must be null if rotation is null",
        {"schedule_expression": "rate(4 hours)"},
        "no rotation.",
        schedule("rate(4 hours)"),
        id="schedule_expression-without-rotation",
    ),
    pytest.param(
        "schedule_expression must be a rate or a cron expression",
        schedule("every day"),
        '"every day".',
        schedule("rate(1 day)"),
        id="schedule_expression",
    ),
    pytest.param(
        "The rate in schedule_expression must have a whole number of minutes, hours or days",
        schedule("rate(1 minutes)"),
        '"rate(1 minutes)".',
        schedule("rate(300 minutes)"),
        id="schedule_expression-rate",
    ),
    pytest.param(
        "The rate in schedule_expression must be at most 999 days",
        schedule("rate(1000 days)"),
        '"rate(1000 days)".',
        schedule("rate(999 days)"),
        id="schedule_expression-slow-rate",
    ),
    pytest.param(
        "The rotations of schedule_expression must be at least 15 minutes apart",
        schedule("rate(14 minutes)"),
        '14 minutes in "rate(14 minutes)".',
        schedule("rate(15 minutes)"),
        id="schedule_expression-fast-rate",
    ),
    pytest.param(
        "The cron expression in schedule_expression must have six fields",
        schedule("cron(0 8 1 * ?)"),
        '"cron(0 8 1 * ?)".',
        schedule("cron(0 8 1 * ? *)"),
        id="schedule_expression-cron",
    ),
    pytest.param(
        "Each field of the cron expression in schedule_expression must have a value that AWS",
        schedule("cron(0 22-24 * * ? *)"),
        '"22-24" in "cron(0 22-24 * * ? *)".',
        schedule("cron(0 22-6 * * ? *)"),
        id="schedule_expression-cron-field",
    ),
    pytest.param(
        "The cron expression in schedule_expression must have a ? either",
        schedule("cron(0 8 * * * *)"),
        '"cron(0 8 * * * *)".',
        schedule("cron(0 8 * * ? *)"),
        id="schedule_expression-cron-days",
    ),
    pytest.param(
        "The cron expression in schedule_expression must name a day that comes",
        schedule("cron(0 8 30 2 ? *)"),
        '"cron(0 8 30 2 ? *)".',
        schedule("cron(0 8 29 2 ? *)"),
        id="schedule_expression-cron-never",
    ),
    pytest.param(
        "schedule_timezone must be null unless EventBridge Scheduler keeps a cron",
        schedule("cron(0 8 * * ? *)", schedule_timezone="Europe/Berlin"),
        "cron(0 8 * * ? *).",
        schedule("cron(30 8 * * ? *)", schedule_timezone="Europe/Berlin"),
        id="schedule_timezone-of-a-slow-schedule",
    ),
    pytest.param(
        "schedule_timezone must be a name in the IANA time zone database",
        schedule("cron(30 8 * * ? *)", schedule_timezone="Europe/Bonn"),
        '"Europe/Bonn".',
        schedule("cron(30 8 * * ? *)", schedule_timezone="America/Argentina/Buenos_Aires"),
        id="schedule_timezone",
    ),
    pytest.param(
        "scheduler must be null if Secrets Manager keeps the schedule",
        schedule("rate(4 hours)", scheduler={}),
        "rate(4 hours).",
        schedule("rate(3 hours)", scheduler={}),
        id="scheduler",
    ),
    pytest.param(
        "scheduler.name must have 1 to 64 letters",
        schedule("rate(3 hours)", scheduler={"name": "every hour"}),
        '"every hour".',
        schedule("rate(3 hours)", scheduler={"name": "every-hour"}),
        id="scheduler.name",
    ),
    pytest.param(
        "scheduler.permissions_boundary must be the ARN of a policy",
        schedule("rate(3 hours)", scheduler={"permissions_boundary": "boundary"}),
        '"boundary".',
        schedule(
            "rate(3 hours)",
            scheduler={"permissions_boundary": "arn:aws:iam::123456789012:policy/boundary"},
        ),
        id="scheduler.permissions_boundary",
    ),
    pytest.param(
        "scheduler.role_path must begin and end with a slash",
        schedule("rate(3 hours)", scheduler={"role_path": "rotation"}),
        '"rotation".',
        schedule("rate(3 hours)", scheduler={"role_path": "/rotation/"}),
        id="scheduler.role_path",
    ),
    pytest.param(
        "Each of former_kms_key_arns must be the ARN of a key",
        {"former_kms_key_arns": [ALIAS]},
        f'["{ALIAS}"].',
        {"former_kms_key_arns": [KEY]},
        id="former_kms_key_arns",
    ),
    pytest.param(
        "rotation_triggers must be empty if nothing rotates the secret",
        managed(rotation_triggers={"user": "AIDA"}),
        "the strategy managed.",
        {"rotation": RANDOM, "rotation_triggers": {"user": "AIDA"}},
        id="rotation_triggers",
    ),
    pytest.param(
        "previous_credential must be null for ",
        {"rotation": RANDOM, "previous_credential": {"retire_after_days": 7}},
        '{"retire_after_days":7,"verify_unused":true}.',
        {"rotation": IAM, "previous_credential": {"retire_after_days": 7}},
        id="previous_credential-of-a-value",
    ),
    pytest.param(
        "previous_credential.retire_after_days must be a whole number from 2 to 999",
        {"rotation": IAM, "previous_credential": {"retire_after_days": 1}},
        "1.",
        {
            "rotation": IAM,
            "previous_credential": {"retire_after_days": 2, "verify_unused": False},
            "schedule_expression": "rate(5 days)",
        },
        id="previous_credential-too-early",
    ),
    pytest.param(
        "previous_credential.retire_after_days must be at least minimum_overlap_minutes",
        {
            "rotation": IAM,
            "minimum_overlap_minutes": 7 * 1440 + 1,
            "previous_credential": {"retire_after_days": 7},
        },
        "7 days.",
        {
            "rotation": IAM,
            "minimum_overlap_minutes": 7 * 1440,
            "previous_credential": {"retire_after_days": 7},
        },
        id="previous_credential-within-the-overlap",
    ),
    pytest.param(
        "previous_credential.retire_after_days must be at least three days shorter than",
        {"rotation": IAM, "previous_credential": {"retire_after_days": 28}},
        "28 days with rate(30 days).",
        {"rotation": IAM, "previous_credential": {"retire_after_days": 27}},
        id="previous_credential-too-late",
    ),
    pytest.param(
        "revocation must be null for ",
        {"rotation": OWN_FUNCTION, "revocation": RESPONDER},
        '{"events":null,"responders":["arn:aws:iam::123456789012:role/reporter"]}.',
        custom() | {"revocation": RESPONDER},
        id="revocation-by-another-function",
    ),
    pytest.param(
        "revocation must name someone who may report a leak, or a source of events",
        {"rotation": IAM, "revocation": {}},
        '{"events":null,"responders":[]}.',
        {"rotation": IAM, "revocation": {"events": {"aws_health": True}}},
        id="revocation-by-no-one",
    ),
    pytest.param(
        "revocation.events.aws_health must be false for ",
        {"rotation": RANDOM, "revocation": {"events": {"aws_health": True}}},
        "true.",
        {"rotation": RANDOM, "revocation": {"events": {"sources": ["a"]}}},
        id="revocation-by-aws-health",
    ),
    pytest.param(
        "Each of revocation.events.sources must have",
        {"rotation": IAM, "revocation": {"events": {"sources": ["aws.health"]}}},
        '["aws.health"].',
        {"rotation": IAM, "revocation": {"events": {"sources": ["example.secret-scanner"]}}},
        id="revocation-by-a-source",
    ),
    pytest.param(
        "Each of revocation.responders must be the ARN of a role or a user",
        {"rotation": IAM, "revocation": {"responders": ["arn:aws:iam::123456789012:root"]}},
        '["arn:aws:iam::123456789012:root"].',
        {"rotation": IAM, "revocation": {"responders": ["arn:aws:iam::123456789012:user/mona"]}},
        id="revocation-by-an-account",
    ),
    pytest.param(
        "tags must not have the keys rotation-attempt, rotation-previous and rotation-revocation",
        {"tags": {"rotation-attempt": "x"}},
        '["rotation-attempt"].',
        {"tags": {"team": "reports"}},
        id="tags-of-the-function",
    ),
    pytest.param(
        "The keys and values of tags must have only letters, digits, spaces",
        {"rotation": RANDOM, "tags": {"service": "Reports (EU)"}},
        '{"service":"Reports (EU)"}.',
        {"tags": {"service": "Reports (EU), Billing"}},
        id="tags-of-a-role",
    ),
    pytest.param(
        "tags must not have an empty value",
        {"rotation": IAM, "tags": {"team": ""}},
        '{"team":""}.',
        {"rotation": RANDOM, "tags": {"team": ""}},
        id="tags-empty",
    ),
    pytest.param(
        "tags must have at most 49 keys",
        {"tags": {"AWS:team": "reports"}},
        '{"AWS:team":"reports"}.',
        {"tags": {f"tag{number}": "x" for number in range(49)}},
        id="tags",
    ),
    *(
        pytest.param(
            rule.text,
            {**strategy.module_call, **rule.refused},
            rule.found,
            {**strategy.module_call, **rule.accepted},
            id=rule.id,
            marks=pytest.mark.strategy(strategy.name),
        )
        for strategy in ALL
        for rule in strategy.root_rules
    ),
]


@functools.cache
def _declared(file: Path) -> dict[str, dict[str, Any]]:
    blocks = hcl2.loads(file.read_text(encoding="utf-8"))["variable"]
    return {name.strip('"'): block for one in blocks for name, block in one.items()}


# How each message names the secret.
_PREFIX = r'^(\$\{\w+[.]_?secret\}|Secret \$\{coalesce\(var.name, "without a name"\)\}): '


def _messages(file: Path) -> list[str]:
    """Return the messages of the rules of variables and outputs."""
    declared = hcl2.loads(file.read_text(encoding="utf-8"))
    return [
        re.sub(_PREFIX, "", rule["error_message"].strip('"').replace('\\"', '"'))
        for kind, rules in (("variable", "validation"), ("output", "precondition"))
        for block in declared.get(kind, [])
        for one in block.values()
        for rule in one.get(rules, [])
    ]


def _values(cases: Sequence[ParameterSet], place: int) -> dict[str, Any]:
    """Return one value of each case, by the name of the case."""
    return {str(one.id): one.values[place] for one in cases}


@pytest.fixture(scope="module")
def refused_messages(refuse_all: RefuseEach) -> dict[str, list[str]]:
    """The messages that refuse each wrong value, by the name of its case."""
    return refuse_all(_values(CASES, 1))


@pytest.fixture(scope="module")
def accepted_messages(refuse_all: RefuseEach) -> dict[str, list[str]]:
    """The messages that refuse each right value, by the name of its case."""
    return refuse_all(_values(CASES, 3))


def _id(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.id)


@pytest.mark.parametrize(("rule", "refused", "found", "accepted"), CASES)
def test_a_rule_refuses_a_wrong_value_and_says_what_it_found(
    rule: str,
    refused: object,
    found: str | None,
    accepted: object,
    refused_messages: Mapping[str, list[str]],
    request: pytest.FixtureRequest,
) -> None:
    del refused, accepted
    (message,) = refused_messages[_id(request)]
    assert message.startswith(rule)
    assert " must " in message
    if found is None:  # A value that Terraform must not repeat.
        assert "Found:" not in message
    else:
        assert message.endswith(f"Found: {found}")


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "refused", "found", "accepted"), CASES)
def test_a_wrong_value_breaks_one_rule(
    rule: str, refused: dict[str, Any], found: object, accepted: object, refuse: Refuse
) -> None:
    """In a plan of its own, no other instance hides a second message."""
    del found, accepted
    (message,) = refuse({"name": "secret"} | refused)
    assert message.startswith(rule)


@pytest.mark.parametrize(("rule", "refused", "found", "accepted"), CASES)
def test_a_rule_accepts_a_right_value(
    rule: str,
    refused: object,
    found: object,
    accepted: object,
    accepted_messages: Mapping[str, list[str]],
    request: pytest.FixtureRequest,
) -> None:
    del rule, refused, found, accepted
    assert accepted_messages[_id(request)] == []


def test_every_rule_has_a_case(repository: Path) -> None:
    rules = [str(case.values[0]) for case in CASES]
    schedules = repository / "modules" / "schedule_expression"
    files = (*repository.glob("variables*.tf"), *schedules.glob("*.tf"))
    messages = [message for file in files for message in _messages(file)]
    assert [message for message in messages if not any(message.startswith(r) for r in rules)] == []
    assert len(rules) == len(messages)


_COMMON: Final = [
    pytest.param({}, id="none-set"),
    pytest.param({"rotation": IAM}, id="smallest"),
    pytest.param({"rotation": IAM, "function": {}}, id="empty-function"),
    pytest.param({"rotation": OWN_FUNCTION, "schedule_expression": "rate(1 day)"}, id="existing"),
    pytest.param(
        {"rotation": OWN_FUNCTION, "rotate_immediately": False, "initial_value": None},
        id="existing-later",
    ),
    pytest.param(
        random() | {"initial_value": "first", "initial_value_version": 1}, id="first-value"
    ),
    pytest.param(schedule("rate(89 days)", maximum_age_days=90), id="age-of-a-value"),
    pytest.param(
        schedule("cron(0 8 1 * ? *)", maximum_age_days=90, rotation=IAM), id="age-of-each-month"
    ),
    pytest.param(
        managed(schedule_expression="rate(89 days)", maximum_age_days=90), id="age-by-a-service"
    ),
    pytest.param(
        schedule("cron(0/40 * * * ? *)", minimum_overlap_minutes=19, rotation=IAM),
        id="longer-than-the-overlap",
    ),
    pytest.param(
        schedule(
            "rate(1 day)",
            minimum_overlap_minutes=22 * 60 + 59,
            rotation=IAM,
            schedule_duration="1h",
        ),
        id="longer-than-the-overlap-and-an-hour",
    ),
    pytest.param(
        schedule("cron(0 0 1 * ? *)", minimum_overlap_minutes=27 * 1440 - 1, rotation=IAM),
        id="longer-than-the-overlap-and-a-day",
    ),
    pytest.param(
        schedule("cron(0 8 ? * MON,THU *)", minimum_overlap_minutes=56 * 60 - 1, rotation=IAM),
        id="three-days-less-sixteen-hours",
    ),
    pytest.param(schedule("cron(0/40 * * * ? *)"), id="nothing-to-overlap"),
    pytest.param(schedule("cron(30 22/2 * * ? *)", rotation=IAM), id="further-than-an-hour"),
    pytest.param(
        {"rotation": OWN_FUNCTION, "schedule_expression": "rate(1 hour)", "alarm_actions": [TOPIC]},
        id="dead-letters-of-an-existing-function",
    ),
    pytest.param(
        random() | {"initial_value": "[1]", "initial_value_version": 1}, id="list-as-a-text"
    ),
    pytest.param(
        managed(
            administrators=["arn:aws:iam::123456789012:role/admin"],
            alarm_actions=[TOPIC],
            kms_key_arn=KEY,
            policy_statements={"AuditorsDescribe": STATEMENT},
            readers=[READER],
            readers_exclusive=True,
            rotate_immediately=False,
            schedule_expression="rate(15 minutes)",
            scheduler={"name": "hourly"},
            tags={"team": "reports"},
        ),
        id="all-that-is-for-a-managed-secret",
    ),
]


def test_common_variables_are_accepted(refuse_all: RefuseEach) -> None:
    found = refuse_all(_values(_COMMON, 0))
    assert {name: messages for name, messages in found.items() if messages} == {}


# The Sids of this module. The placeholder is in a policy without any other statement only.
_SIDS = sorted(
    {*re.findall(r'\bSid += "(\w+)"', (REPOSITORY / "main.tf").read_text(encoding="utf-8"))}
    - {"NoReaders"}
)

_OTHERS: Final = [
    *(
        pytest.param(
            variables | {"revocation": RESPONDER},
            "revocation must be null for",
            id=f"revocation-of-{name}",
        )
        for name, variables in {
            "a-fixed-value": {},
            "managed": managed(),
        }.items()
    ),
    pytest.param(
        {"rotation": IAM, "revocation": {"responders": ["arn:aws:iam::123456789012:role/*"]}},
        "Each of revocation.responders must be",
        id="revocation-by-everyone",
    ),
    pytest.param(
        {"rotation": IAM, "revocation": {"events": {}, "responders": [READER]}},
        "revocation must name someone who may report a leak, or a source of events",
        id="revocation-by-no-event",
    ),
    pytest.param(
        {"rotation": IAM, "revocation": {"events": {"sources": ["two words"]}}},
        "Each of revocation.events.sources must have",
        id="revocation-by-a-source-with-a-space",
    ),
    pytest.param(
        {"tags": {"rotation-revocation": "x"}},
        "tags must not have the keys rotation-attempt",
        id="tags-of-responders",
    ),
    pytest.param(
        {"rotation": RANDOM, "revocation": RESPONDER, "tags": {"team": ""}},
        "tags must not have an empty value",
        id="tags-empty-beside-a-report",
    ),
    pytest.param(
        {
            "rotation": RANDOM,
            "revocation": RESPONDER,
            "tags": {f"tag{number}": "x" for number in range(49)},
        },
        "tags must have at most 49 keys, and one less with each of previous_credential",
        id="tags-beside-a-report",
    ),
    pytest.param(
        {
            "rotation": IAM,
            "previous_credential": {"retire_after_days": 7},
            "revocation": RESPONDER,
            "tags": {f"tag{number}": "x" for number in range(48)},
        },
        "tags must have at most 49 keys, and one less with each of previous_credential",
        id="tags-beside-two-more",
    ),
    pytest.param(
        {"tags": {"rotation-previous": "x"}},
        "tags must not have the keys rotation-attempt",
        id="tags-of-the-previous-credential",
    ),
    *(
        pytest.param(
            variables | {"previous_credential": {"retire_after_days": 7}},
            "previous_credential must be null for",
            id=f"previous_credential-of-{name}",
        )
        for name, variables in {
            "a-fixed-value": {},
            "an-issuer": custom(issuer=True),
            "a-function": {"rotation": OWN_FUNCTION},
            "managed": managed(),
        }.items()
    ),
    pytest.param(
        {"rotation": IAM, "previous_credential": {"retire_after_days": 7.5}},
        "previous_credential.retire_after_days must be a whole number",
        id="previous_credential-after-half-a-day",
    ),
    pytest.param({"name": "n" * 513}, "name must have", id="name-too-long"),
    pytest.param(
        {
            "administrators": ["arn:aws:iam::123456789012:role/${aws:username}"],
            "readers": [READER],
            "readers_exclusive": True,
        },
        "Each of administrators must be",
        id="administrator-with-a-policy-variable",
    ),
    pytest.param(
        {"readers": ["arn:aws:iam::123456789012:role/${aws:username}"]},
        "Each of readers must be",
        id="reader-with-a-policy-variable",
    ),
    pytest.param(
        function(role_arn="arn:aws:iam::123456789012:role/${aws:username}"),
        "function.role_arn must be",
        id="role-with-a-policy-variable",
    ),
    *(
        pytest.param(
            statement(
                conditions={operator: {"aws:PrincipalOrgID": ["o-1"]}},
                principals={"AWS": ["*"]},
            ),
            "A statement of policy_statements that allows everyone",
            id=f"public-by-{operator}",
        )
        for operator in ("StringEqualsIfExists", "ForAllValues:StringEquals", "StringNotEquals")
    ),
    pytest.param(
        {"rotation": RANDOM, "tags": {"service": "a&b"}},
        "The keys and values of tags must have only",
        id="tag-with-an-ampersand",
    ),
    pytest.param({"name": ""}, "name must have", id="name-empty"),
    pytest.param({"rotation": {}}, "rotation must have exactly one strategy", id="no-strategy"),
    *(
        pytest.param(
            {"policy_statements": {sid: STATEMENT}},
            "The keys of policy_statements must be Sids",
            id=f"sid-{sid}",
        )
        for sid in _SIDS
    ),
    pytest.param(
        custom(issuer=True) | {"initial_value": "a", "initial_value_version": 1},
        "initial_value_version must be null",
        id="first-value-of-an-issuer",
    ),
    pytest.param(
        custom(issuer=True) | {"schedule_expression": "rate(1 hour)"},
        "The shortest time between two rotations must",
        id="hourly-by-an-issuer-of-ones-own",
    ),
    pytest.param(
        {"rotation": {"iam_acces_key": {"user_name": "uploader"}}},
        "rotation must have exactly one strategy",
        id="misspelt-strategy",
    ),
    pytest.param({"function": {}}, "function must be null", id="function-of-a-fixed-value"),
    pytest.param(
        {"minimum_overlap_minutes": 60},
        "minimum_overlap_minutes must be null",
        id="overlap-of-a-fixed-value",
    ),
    pytest.param(
        {"initial_value_version": 1},
        "initial_value and initial_value_version must",
        id="no-value",
    ),
    pytest.param(
        {"initial_value": "", "initial_value_version": 1},
        "initial_value must have 1 to 65536 bytes",
        id="empty-value",
    ),
    pytest.param(
        random() | {"initial_value": '{"a":"b"}', "initial_value_version": 1},
        "initial_value must have the form",
        id="object-before-texts",
    ),
    pytest.param(
        random(json_key="a") | {"initial_value": '{"a":1}', "initial_value_version": 1},
        "initial_value must have the form",
        id="number-before-texts",
    ),
    pytest.param(
        schedule("rate(1 hour)", rotation=IAM),
        "The shortest time between two rotations must",
        id="hourly-by-rate",
    ),
    pytest.param(
        schedule("cron(15 * * * ? *)", rotation=IAM),
        "The shortest time between two rotations must",
        id="hourly-by-cron",
    ),
    pytest.param(
        schedule("cron(0/40 * * * ? *)", minimum_overlap_minutes=20, rotation=IAM),
        "The shortest time between two rotations must",
        id="twenty-minutes-over-the-hour",
    ),
    pytest.param(
        schedule("rate(1 day)", minimum_overlap_minutes=0, rotation=IAM),
        "The shortest time between two rotations must",
        id="one-day-less-one-day",
    ),
    pytest.param(
        schedule(
            "rate(1 day)",
            minimum_overlap_minutes=23 * 60,
            rotation=IAM,
            schedule_duration="1h",
        ),
        "The shortest time between two rotations must",
        id="one-day-less-one-hour",
    ),
    pytest.param(
        schedule("cron(0 0 1 * ? *)", minimum_overlap_minutes=27 * 1440, rotation=IAM),
        "The shortest time between two rotations must",
        id="february-less-one-day",
    ),
    pytest.param(
        schedule("cron(0 8 ? * MON,THU *)", minimum_overlap_minutes=56 * 60, rotation=IAM),
        "The shortest time between two rotations must",
        id="half-a-week-less-sixteen-hours",
    ),
    pytest.param(
        schedule(
            "cron(30 8 * * ? *)",
            minimum_overlap_minutes=23 * 60,
            rotation=IAM,
            schedule_timezone="Europe/Berlin",
        ),
        "The shortest time between two rotations must",
        id="one-day-less-the-hour-of-summer-time",
    ),
    pytest.param(
        schedule("cron(30 8,12-14 * * ? *)", rotation=IAM),
        "The shortest time between two rotations must",
        id="hours",
    ),
    pytest.param(
        schedule("rate(90 days)", maximum_age_days=90),
        "schedule_expression must end each credential within maximum_age_days",
        id="age-of-an-interval-and-its-window",
    ),
    pytest.param(
        schedule("cron(30 2 ? * SUN *)", maximum_age_days=13, schedule_timezone="Europe/Berlin"),
        "schedule_expression must end each credential within maximum_age_days",
        id="age-of-a-week-whose-rotation-is-skipped",
    ),
    pytest.param(
        schedule("rate(45 days)", maximum_age_days=90, rotation=OWN_FUNCTION),
        "schedule_expression must end each credential within maximum_age_days",
        id="age-by-a-function-of-the-caller",
    ),
    pytest.param({"scheduler": {}}, "scheduler must be null", id="scheduler-of-no-rotation"),
    pytest.param(managed(function={}), "function must be null", id="function-of-a-service"),
    pytest.param(
        managed(minimum_overlap_minutes=60),
        "minimum_overlap_minutes must be null",
        id="overlap-of-a-service",
    ),
    pytest.param(
        managed(initial_value="first", initial_value_version=1),
        "initial_value_version must be null if a service makes the credential",
        id="first-value-of-a-service",
    ),
    pytest.param(
        managed(recovery_window_in_days=0),
        "recovery_window_in_days must not be set",
        id="no-recovery-of-a-service",
    ),
    pytest.param(
        schedule("rate(3 hours)", schedule_timezone="UTC"),
        "schedule_timezone must be null",
        id="time-zone-of-a-rate",
    ),
    pytest.param(function(runtime="python3.11"), "function.runtime must", id="python-too-old"),
    pytest.param(function(runtime="nodejs22.x"), "function.runtime must", id="not-python"),
    pytest.param(function(layers=[LAYER] * 6), "function.layers must", id="six-layers"),
    pytest.param(function(memory_size=128.5), "function.memory_size must", id="half-a-megabyte"),
    pytest.param({"recovery_window_in_days": 7.5}, "recovery_window_in_days must", id="half-a-day"),
    pytest.param(
        {"tags": {f"tag{number}": "x" for number in range(50)}},
        "tags must have at most 49",
        id="50-tags",
    ),
    pytest.param(
        {"kms_key_arn": "1234abcd-12ab-34cd-56ef-1234567890ab"}, "kms_key_arn must", id="key-id"
    ),
    *(
        pytest.param(
            {**strategy.module_call, **refusal.refused},
            refusal.text,
            id=refusal.id,
            marks=pytest.mark.strategy(strategy.name),
        )
        for strategy in ALL
        for refusal in strategy.root_refusals
    ),
]


@pytest.fixture(scope="module")
def other_messages(refuse_all: RefuseEach) -> dict[str, list[str]]:
    """The messages that refuse each of the other wrong values, by the name of its case."""
    return refuse_all(_values(_OTHERS, 0))


@pytest.mark.parametrize(("variables", "rule"), _OTHERS)
def test_another_wrong_value_is_refused(
    variables: object,
    rule: str,
    other_messages: Mapping[str, list[str]],
    request: pytest.FixtureRequest,
) -> None:
    del variables
    (message,) = other_messages[_id(request)]
    assert message.startswith(rule)


def test_no_message_repeats_an_initial_value(refuse: Refuse) -> None:
    secret = "Tr0ub4dor&3"  # noqa: S105 -- the mark that must not come back
    variables = random(json_key="password") | {"initial_value": secret, "initial_value_version": 0}
    messages = refuse({"name": "secret"} | variables)
    assert messages
    assert not any(secret in message for message in messages)


def test_variables_are_required_first_and_then_in_alphabetical_order(repository: Path) -> None:
    for file in repository.glob("variables*.tf"):
        declared = _declared(file)
        optional = [name for name in sorted(declared) if "default" in declared[name]]
        required = [name for name in sorted(declared) if name not in optional]
        assert list(declared) == required + optional


def test_each_variable_has_a_type_and_one_sentence(repository: Path) -> None:
    for file in (
        *repository.glob("variables*.tf"),
        *(repository / "modules").rglob("variables.tf"),
    ):
        for name, block in _declared(file).items():
            assert "any" not in re.findall(r"\w+", str(block["type"])), name
            sentence = block["description"].strip('"')
            assert sentence.endswith("."), name


def test_a_comment_shows_each_default_of_the_function(repository: Path) -> None:
    """The root's type shows the defaults in comments; the submodule's type sets them."""
    option = re.compile(r"(\w+) += optional\((.*?)\)+ *(?:# (.*))?$", re.MULTILINE)
    root = (repository / "variables-function.tf").read_text(encoding="utf-8")
    block = root.partition('variable "function"')[2].partition("default = null")[0]
    submodule = (repository / "modules/function/variables.tf").read_text(encoding="utf-8")
    held = {}
    for name, type_, _ in option.findall(submodule.partition('variable "kms_key_arn"')[0]):
        held[name] = type_.partition(", ")[2] or "null"
    shown = {name: comment.partition(":")[0] for name, _, comment in option.findall(block)}
    assert shown == held


def test_each_native_run_asserts_or_expects_a_failure(repository: Path) -> None:
    pattern = "tests/*.tftest.hcl"
    for path in (*repository.glob(pattern), *(repository / "modules").rglob(pattern)):
        for one in hcl2.loads(path.read_text(encoding="utf-8"))["run"]:
            for name, body in one.items():
                fails = "refuses_" in name or "warns_" in name
                kind = "expect_failures" if fails else "assert"
                assert kind in body, f"{path}: {name}"
