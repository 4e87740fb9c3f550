"""The secret in which RDS stores a master user password and which RDS rotates.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html
"""

from __future__ import annotations

import json
import uuid
from typing import Final

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import rds, secretsmanager

from testing.local_aws.patching import (
    OK,
    Handler,
    Json,
    Response,
    around,
    content,
    find_secret,
    success,
)
from testing.local_aws.refusals import InvalidRequest, OneSchedule
from testing.local_aws.secretsmanager.rotation_schedule import now, plan_rotation
from testing.local_aws.secretsmanager.trail import publish_rotation
from testing.local_aws.secretsmanager.versions import touch

_WEEKLY: Final = {"AutomaticallyAfterDays": 7}
_SERVICE_ROLE: Final = "role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"
_REQUIRED: Final = ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")


class ManagedByService(InvalidRequest):
    """A function cannot rotate a secret that a service manages."""

    message = "You can't use a Lambda function to rotate a secret that is managed by rds."


@around(rds._ACTION_MAP, "CreateDBInstance")
def create_db_instance(original: Handler, request: Json) -> Response:
    """Create a password and store it in a secret that RDS rotates every seven days.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    """
    if rds._p(request, "ManageMasterUserPassword") != "true":
        return original(request)
    password = rds._generate_master_user_password()
    response = original({**request, "MasterUserPassword": [password]})
    if response[0] == OK:
        instance = rds._instances[rds._p(request, "DBInstanceIdentifier")]
        instance["MasterUserSecret"] = {
            "SecretArn": _store(instance, password),
            "SecretStatus": "active",
            "KmsKeyId": rds._p(request, "MasterUserSecretKmsKeyId")
            or f"arn:aws:kms:{get_region()}:{get_account_id()}:key/aws-secretsmanager-default",
        }
    return response


def _store(instance: Json, password: str) -> str:
    text = json.dumps({"username": instance["MasterUsername"], "password": password})
    arn = str(secretsmanager.create_secret_in_process(f"rds!db-{uuid.uuid4()}", text))
    _, secret = secretsmanager._resolve(arn)
    secret.update(
        OwningService="rds",
        RotationEnabled=True,
        RotationRules=_WEEKLY,
        Tags=[
            {"Key": "aws:rds:primaryDBInstanceArn", "Value": instance["DBInstanceArn"]},
            {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
        ],
    )
    plan_rotation(secret)
    return arn


@around(rds, "_instance_xml")
def instance_xml(original: Handler, instance: Json) -> str:
    """Add the secret of an instance to its description.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_MasterUserSecret.html
    """
    xml = str(original(instance))
    master_secret = instance.get("MasterUserSecret", {})
    members = "".join(f"<{name}>{value}</{name}>" for name, value in master_secret.items())
    return f"{xml}<MasterUserSecret>{members}</MasterUserSecret>" if master_secret else xml


@around(rds._ACTION_MAP, "DeleteDBInstance")
def delete_db_instance(original: Handler, request: Json) -> Response:
    """Delete the secret together with its instance."""
    instance = rds._instances.get(rds._p(request, "DBInstanceIdentifier"), {})
    response = original(request)
    master_secret = instance.get("MasterUserSecret")
    if response[0] == OK and master_secret:
        secretsmanager.delete_secret_in_process(master_secret["SecretArn"])
    return response


@around(secretsmanager, "_rotate_secret")
def rotate_secret(original: Handler, request: Json) -> Response:
    """Rotate a managed secret without a function, and refuse a function for it.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html
    """
    secret = find_secret(request)
    if secret.get("OwningService") is None:
        return original(request)
    if request.get("RotationLambdaARN"):
        raise ManagedByService
    rules = request.get("RotationRules") or secret["RotationRules"]
    if "AutomaticallyAfterDays" in rules and "ScheduleExpression" in rules:
        raise OneSchedule
    secret.update(RotationRules=rules, RotationEnabled=True)
    plan_rotation(secret)
    touch(secret)
    fields = {"ARN": secret["ARN"], "Name": secret["Name"]}
    if not request.get("RotateImmediately", True):
        return success(**fields)
    instance = next(
        one
        for one in rds._instances.values()
        if one.get("MasterUserSecret", {}).get("SecretArn") == secret["ARN"]
    )
    master_secret = instance["MasterUserSecret"]
    if not _rds_may_rotate(secret):
        master_secret["SecretStatus"] = "impaired"
        publish_rotation("RotationFailed", secret)
        return success(**fields, VersionId=str(uuid.uuid4()))
    master_secret["SecretStatus"] = "active"
    instance["_MasterUserPassword"] = password = rds._generate_master_user_password()
    text = json.dumps({"username": instance["MasterUsername"], "password": password})
    fields["VersionId"] = secretsmanager._publish_new_version(secret, secret_string=text)
    secret["LastRotatedDate"] = round(now(), 3)
    publish_rotation("RotationSucceeded", secret)
    return success(**fields)


def _rds_may_rotate(secret: Json) -> bool:
    """Check whether the secret's policy denies RDS access; RDS has every other permission.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_MasterUserSecret.html
    """
    policy = secretsmanager._resource_policies.get(secret["ARN"])
    requests = (
        iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:iam::{get_account_id()}:{_SERVICE_ROLE}",
            principal_type="Role",
            principal_account=get_account_id(),
            action=action,
            resource_arn=secret["ARN"],
            region=get_region(),
        )
        for action in _REQUIRED
    )
    return not any(
        iam_evaluator.evaluate_resource_policy(policy, request).decision == "Deny"
        for request in requests
    )


@around(secretsmanager, "_describe_secret")
def describe_secret(original: Handler, request: Json) -> Response:
    """Add the service that manages the secret.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    response = original(request)
    if response[0] != OK:
        return response
    _, secret = secretsmanager._resolve(request["SecretId"])
    owner = {"OwningService": secret["OwningService"]} if secret.get("OwningService") else {}
    return success(**content(response), **owner)
