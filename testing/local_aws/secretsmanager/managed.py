"""The password of a database's master user, which RDS keeps in a secret and rotates itself.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_managed.html
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Final

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, rds, secretsmanager

from testing.local_aws.patching import (
    OK,
    Answer,
    Handler,
    Json,
    answered,
    around,
    content,
    find_secret,
)
from testing.local_aws.refusals import InvalidRequest, OneSchedule
from testing.local_aws.secretsmanager.rotation_schedule import next_rotation
from testing.local_aws.secretsmanager.versions import touch

_WEEKLY: Final = {"AutomaticallyAfterDays": 7}
_SERVICE_ROLE: Final = "role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"
_NEEDED: Final = ("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")


class ManagedByService(InvalidRequest):
    """A function cannot rotate what a service rotates."""

    message = "You can't use a Lambda function to rotate a secret that is managed by rds."


@around(rds._ACTION_MAP, "CreateDBInstance")
def create_db_instance(original: Handler, request: Json) -> Answer:
    """Have RDS make the password, and keep it in a secret that is rotated every seven days.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
    """
    if rds._p(request, "ManageMasterUserPassword") != "true":
        return original(request)
    password = rds._generate_master_user_password()
    answer = original({**request, "MasterUserPassword": [password]})
    if answer[0] == OK:
        instance = rds._instances[rds._p(request, "DBInstanceIdentifier")]
        instance["MasterUserSecret"] = {
            "SecretArn": _keep(instance, password),
            "SecretStatus": "active",
            "KmsKeyId": rds._p(request, "MasterUserSecretKmsKeyId")
            or f"arn:aws:kms:{get_region()}:{get_account_id()}:key/aws-secretsmanager-default",
        }
    return answer


def _keep(instance: Json, password: str) -> str:
    text = json.dumps({"username": instance["MasterUsername"], "password": password})
    arn = str(secretsmanager.create_secret_in_process(f"rds!db-{uuid.uuid4()}", text))
    _, secret = secretsmanager._resolve(arn)
    secret.update(
        OwningService="rds",
        RotationEnabled=True,
        RotationRules=_WEEKLY,
        NextRotationDate=next_rotation(_WEEKLY, time.time()),
        Tags=[
            {"Key": "aws:rds:primaryDBInstanceArn", "Value": instance["DBInstanceArn"]},
            {"Key": "aws:secretsmanager:owningService", "Value": "rds"},
        ],
    )
    return arn


@around(rds, "_instance_xml")
def instance_xml(original: Handler, instance: Json) -> str:
    """Name the secret of an instance.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_MasterUserSecret.html
    """
    written = str(original(instance))
    held = instance.get("MasterUserSecret", {})
    members = "".join(f"<{name}>{value}</{name}>" for name, value in held.items())
    return f"{written}<MasterUserSecret>{members}</MasterUserSecret>" if held else written


@around(rds._ACTION_MAP, "DeleteDBInstance")
def delete_db_instance(original: Handler, request: Json) -> Answer:
    """Delete the secret with its instance."""
    instance = rds._instances.get(rds._p(request, "DBInstanceIdentifier"), {})
    answer = original(request)
    held = instance.get("MasterUserSecret")
    if answer[0] == OK and held:
        secretsmanager.delete_secret_in_process(held["SecretArn"])
    return answer


@around(secretsmanager, "_rotate_secret")
def rotate_secret(original: Handler, request: Json) -> Answer:
    """Rotate a managed secret without a function, which it must not have.

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
    now = time.time()
    secret["NextRotationDate"] = next_rotation(rules, now)
    touch(secret)
    fields = {"ARN": secret["ARN"], "Name": secret["Name"]}
    if not request.get("RotateImmediately", True):
        return answered(**fields)
    instance = next(
        one
        for one in rds._instances.values()
        if one.get("MasterUserSecret", {}).get("SecretArn") == secret["ARN"]
    )
    held = instance["MasterUserSecret"]
    if not _rds_may_rotate(secret):
        held["SecretStatus"] = "impaired"
        _tell_of_the_failure(secret)
        return answered(**fields, VersionId=str(uuid.uuid4()))
    held["SecretStatus"] = "active"
    instance["_MasterUserPassword"] = password = rds._generate_master_user_password()
    text = json.dumps({"username": instance["MasterUsername"], "password": password})
    fields["VersionId"] = secretsmanager._publish_new_version(secret, secret_string=text)
    secret["LastRotatedDate"] = round(now, 3)
    return answered(**fields)


def _rds_may_rotate(secret: Json) -> bool:
    """Ask the secret's own policy; what RDS may otherwise is its own affair.

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
        for action in _NEEDED
    )
    return not any(
        iam_evaluator.evaluate_resource_policy(policy, request).decision == "Deny"
        for request in requests
    )


def _tell_of_the_failure(secret: Json) -> None:
    """Hand EventBridge what CloudTrail writes, as in an account that has a trail.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html
    """
    detail = {
        # Where those found the ARN who wrote down such events; AWS shows none.
        "additionalEventData": {"SecretId": secret["ARN"]},
        "awsRegion": get_region(),
        "eventName": "RotationFailed",
        "eventSource": "secretsmanager.amazonaws.com",
        "eventType": "AwsServiceEvent",
        "recipientAccountId": get_account_id(),
    }
    event = {
        "Detail": json.dumps(detail),
        "DetailType": "AWS Service Event via CloudTrail",
        "Source": "aws.secretsmanager",
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)


@around(secretsmanager, "_describe_secret")
def describe_secret(original: Handler, request: Json) -> Answer:
    """Tell which service a secret is managed by.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    answer = original(request)
    if answer[0] != OK:
        return answer
    _, secret = secretsmanager._resolve(request["SecretId"])
    owner = {"OwningService": secret["OwningService"]} if secret.get("OwningService") else {}
    return answered(**content(answer), **owner)
