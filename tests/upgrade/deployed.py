"""One instance of each strategy for the upgrade test, and what each needs in the account.

Terraform makes nothing but the instances. The account exists before the first plan, so a plan shows
every policy and setting as text.
"""

import contextlib
import io
import json
import secrets
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from testing.databases.mysql import mysql
from testing.databases.postgresql import PostgreSQL
from testing.databases.servers import Servers
from testing.harness.account import Aws
from testing.harness.mysql import mysql_users
from testing.harness.postgresql import postgresql_users
from testing.harness.terraform import instance_outputs, instances
from testing.local_aws import LocalAws
from testing.local_github import LocalGitHub
from testing.local_logins import LocalLogins
from tests.e2e.databases import rotation_of

Json = dict[str, Any]

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_DATABASE: Final = "upgrade"
REPOSITORY: Final = "upgrade/reports"
_USER: Final = {"UserName": "upgrade", "Path": "/apps/"}
_TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:alerts"
_ALLOWED: Final = ["bedrock:CallWithBearerToken", "bedrock:ListFoundationModels"]


def prepare(aws: LocalAws, github: LocalGitHub, logins: LocalLogins) -> dict[str, object]:
    """Make what the instances refer to.

    Returns:
        The input variables of the root module.
    """
    iam, kms, ec2 = aws.client("iam"), aws.client("kms"), aws.client("ec2")
    iam.create_user(**_USER)
    iam.put_user_policy(
        UserName=_USER["UserName"],
        PolicyName="services",
        PolicyDocument=_policy({"Effect": "Allow", "Action": _ALLOWED, "Resource": "*"}),
    )
    reader = iam.create_user(UserName="upgrade-reader")["User"]["Arn"]
    key_arn = kms.create_key()["KeyMetadata"]["Arn"]
    vpc = ec2.create_vpc(CidrBlock="10.93.0.0/24")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.93.0.0/28")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="upgrade", Description="upgrade", VpcId=vpc)
    return {
        "endpoint": logins.endpoint,
        "existing_function_arn": _function(aws),
        "initial_value": json.dumps({"signing_key": secrets.token_hex(16)}),
        "key_arn": key_arn,
        # The local AWS lends every function the libraries of the tests.
        "layer_arn": aws.client("lambda").publish_layer_version(
            LayerName="upgrade", Content={"ZipFile": _zip("python/README", "")}
        )["LayerVersionArn"],
        "managed_secret_arn": _managed_secret(aws),
        "reader_arn": reader,
        "security_group_id": group["GroupId"],
        "subnet_id": subnet,
        "token_secret_arn": _token(aws, github, key_arn),
    }


@contextlib.contextmanager
def database_users(aws: Aws, servers: Servers, names: Collection[str]) -> Iterator[Json]:
    """Add the user of each of these instances on a server, and return the input variables."""
    found: Json = {"mysql": {}, "postgres": {}}
    with contextlib.ExitStack() as stack:
        if "mysql" in names:
            users = mysql_users(aws, servers.get(mysql, "8.0.31"), "upgrade")
            found["mysql"] = stack.enter_context(users)
        if "postgres" in names:
            users = postgresql_users(aws, servers.get(PostgreSQL, "16"), "upgrade")
            found["postgres"] = stack.enter_context(users)
        yield found


def inputs() -> dict[str, Json]:
    """Return the inputs of each instance, in Terraform's JSON."""
    app = {name: f"${{var.{name}}}" for name in ("client_id", "installation_id", "kms_key_arn")}
    server = {name: f"${{var.{name}}}" for name in ("administrator_secret_arn", "host", "port")}
    user = {"user_name": _USER["UserName"], "user_path": _USER["Path"]}
    layers = {"layers": ["${var.layer_arn}"]}
    return {
        "custom": {
            "alarm_actions": [_TOPIC],
            "rotation": {
                "custom": {
                    "constants": {"engine": "redis"},
                    "environment": {"UNUSED": "1"},
                    "options": {**server, "user": "upgrade"},
                    "source_file": "${path.module}/rotate.py",
                    "statements": {
                        "ReadTheAdministrator": {
                            "actions": ["secretsmanager:GetSecretValue"],
                            "conditions": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}},
                            "resource": "${var.administrator_secret_arn}",
                        }
                    },
                }
            },
            # EventBridge Scheduler keeps such a fast one.
            "schedule_expression": "rate(30 minutes)",
        },
        "fixed": {"initial_value_version": 1},
        "function": {"rotation": {"function": {"arn": "${var.existing_function_arn}"}}},
        "github_app_token": {
            "rotation": {
                "github_app_token": {
                    **app,
                    "api_url": "${var.api_url}",
                    "permissions": {"contents": "read"},
                    "repositories": ["reports"],
                }
            },
        },
        "github_deploy_key": {
            "function": layers,
            "rotation": {
                "github_deploy_key": {
                    "api_url": "${var.api_url}",
                    "app": app,
                    "repository": REPOSITORY,
                }
            },
        },
        "github_deploy_key_by_token": {
            "function": layers,
            "rotation": {
                "github_deploy_key": {
                    "api_url": "${var.api_url}",
                    "read_only": False,
                    "repository": REPOSITORY,
                    "token_kms_key_arn": "${var.key_arn}",
                    "token_secret_arn": "${var.token_secret_arn}",
                }
            },
        },
        # Everything that adds a resource, a statement or a setting.
        "iam_access_key": {
            "administrators": ["123456789012"],
            "alarm_actions": [_TOPIC],
            "description": "Every option.",
            "function": {
                "log_level": "DEBUG",
                "role_path": "/rotation/",
                "tracing_mode": "Active",
                "vpc": {
                    "security_group_ids": ["${var.security_group_id}"],
                    "subnet_ids": ["${var.subnet_id}"],
                },
            },
            "kms_key_arn": "${var.key_arn}",
            "minimum_overlap_minutes": 5,
            "policy_statements": {
                "TagsAreKept": {
                    "actions": ["secretsmanager:UntagResource"],
                    "conditions": {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}},
                    "effect": "Deny",
                    "principals": {"AWS": ["${var.reader_arn}"]},
                }
            },
            "readers": ["${var.reader_arn}"],
            "readers_exclusive": True,
            "replica_regions": {"eu-central-1": None},
            "rotation": {"iam_access_key": {**user, "ses_smtp": True, "settling_seconds": 0}},
            "tags": {"team": "upgrade"},
        },
        "iam_service_credential": {
            "rotation": {
                "iam_service_credential": {
                    **user,
                    "credential_age_days": 365,
                    "endpoint": "${var.endpoint}",
                    "service_name": "bedrock.amazonaws.com",
                    "settling_seconds": 0,
                }
            },
        },
        "managed": {
            "name": None,
            "recovery_window_in_days": None,
            "rotation": {"managed": {"secret_arn": "${var.managed_secret_arn}"}},
            "schedule_expression": "cron(0 3 ? * SUN *)",
        },
        "mysql": {
            "rotation": {
                "mysql": {**rotation_of("mysql"), "engine": "mysql", "username": "upgrade"}
            },
        },
        "postgres": {"rotation": {"postgres": {**rotation_of("postgres"), "username": "upgrade"}}},
        "random_value": {
            "initial_value_version": 1,
            "rotation": {
                "random_value": {
                    "character_classes": ["lowercase", "numbers"],
                    "constants": {"algorithm": "HS256"},
                    "exclude_characters": "il",
                    "json_key": "signing_key",
                    "length": 64,
                }
            },
        },
    }


def root(names: Collection[str]) -> Json:
    """Return the root module with these instances, in Terraform's JSON."""
    variables = {
        *("administrator_secret_arn", "api_url", "client_id", "endpoint", "existing_function_arn"),
        *("host", "initial_value", "installation_id", "key_arn", "kms_key_arn", "layer_arn"),
        *("managed_secret_arn", "port", "reader_arn", "security_group_id", "subnet_id"),
        "token_secret_arn",
    }
    common = {"initial_value_version": None, "recovery_window_in_days": 0}
    calls = inputs()
    root = instances(
        {name: {**common, "name": f"upgrade/{name}", **calls[name]} for name in names},
        initial_value="var.initial_value",
        source="../module",
    )
    return {
        **root,
        "output": instance_outputs(names),
        "variable": {
            **{name: {"ephemeral": name == "initial_value"} for name in sorted(variables)},
            **{name: {"type": "map(string)"} for name in ("mysql", "postgres")},
        },
    }


def _policy(statement: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _zip(name: str, content: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def _function(aws: LocalAws) -> str:
    """Make a function that rotates secrets and is not the module's."""
    name = "upgrade-existing"
    iam = aws.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=_policy({**trust, "Action": "sts:AssumeRole"})
    )["Role"]["Arn"]
    rotates = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*"}
    iam.put_role_policy(RoleName=name, PolicyName="rotate", PolicyDocument=_policy(rotates))
    source = Path("examples/existing-function/function/rotate.py")
    created = aws.client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Runtime="python3.13",
        Handler="rotate.handler",
        Timeout=30,
        Code={"ZipFile": _zip("rotate.py", (_CHECKOUT / source).read_text())},
    )
    return str(created["FunctionArn"])


def _managed_secret(aws: Aws) -> str:
    """Let RDS make a secret."""
    databases, named = aws.client("rds"), {"DBInstanceIdentifier": _DATABASE}
    databases.create_db_instance(
        **named,
        AllocatedStorage=20,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        ManageMasterUserPassword=True,
        MasterUsername="upgrade",
    )
    (described,) = databases.describe_db_instances(**named)["DBInstances"]
    return str(described["MasterUserSecret"]["SecretArn"])


def _token(aws: Aws, github: LocalGitHub, key_arn: str) -> str:
    """Keep a token of a GitHub user, encrypted with the customer key."""
    (repository,) = (one for one in github.repositories if one.full_name == REPOSITORY)
    token = github.add_personal_token(
        "mona", permissions={"administration": "write"}, repositories=[repository]
    )
    created = aws.client("secretsmanager").create_secret(
        Name="upgrade-token", KmsKeyId=key_arn, SecretString=token.value
    )
    return str(created["ARN"])
