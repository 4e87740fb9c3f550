"""Creates one resource of each kind, as the contract tests and the examples do."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from testing.harness.account import Aws

Tags: TypeAlias = Mapping[str, str]
Create: TypeAlias = Callable[[Aws, str, Tags], object]
"""Creates a resource in an account, with a name and tags."""

_TRUST: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"Service": ["lambda.amazonaws.com", "scheduler.amazonaws.com"]},
            }
        ],
    }
)
_POLICY: Final = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}],
    }
)


def _listed(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(event, context): pass")
    return buffer.getvalue()


def _arn(aws: Aws, service: str, resource: str) -> str:
    account_id = aws.client("sts").get_caller_identity()["Account"]
    region = "" if service == "iam" else aws.client("sqs").meta.region_name
    return f"arn:aws:{service}:{region}:{account_id}:{resource}"


def user(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("iam").create_user(UserName=name, Tags=_listed(tags))


def access_key(aws: Aws, name: str, _: Tags) -> None:
    aws.client("iam").create_access_key(UserName=name)


def service_credential(aws: Aws, name: str, _: Tags) -> None:
    aws.client("iam").create_service_specific_credential(
        UserName=name, ServiceName="codecommit.amazonaws.com"
    )


def user_policy(aws: Aws, name: str, _: Tags) -> None:
    aws.client("iam").put_user_policy(UserName=name, PolicyName="own", PolicyDocument=_POLICY)


def policy(aws: Aws, name: str, tags: Tags) -> None:
    iam = aws.client("iam")
    made = iam.create_policy(PolicyName=name, PolicyDocument=_POLICY, Tags=_listed(tags))
    iam.create_policy_version(PolicyArn=made["Policy"]["Arn"], PolicyDocument=_POLICY)


def attached_policy(aws: Aws, name: str, _: Tags) -> None:
    arn = _arn(aws, "iam", f"policy/{name}")
    aws.client("iam").attach_user_policy(UserName=name, PolicyArn=arn)


def role(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=_TRUST, Tags=_listed(tags)
    )


def role_policies(aws: Aws, name: str, _: Tags) -> None:
    iam = aws.client("iam")
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=_POLICY)
    iam.attach_role_policy(RoleName=name, PolicyArn=_arn(aws, "iam", f"policy/{name}"))


def secret(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("secretsmanager").create_secret(Name=name, SecretString="a", Tags=_listed(tags))


def secret_pending_deletion(aws: Aws, name: str, tags: Tags) -> None:
    secret(aws, f"{name}-deleted", tags)
    aws.client("secretsmanager").delete_secret(SecretId=f"{name}-deleted")


def replicated_secret(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("secretsmanager").create_secret(
        Name=f"{name}-replicated",
        SecretString="a",
        Tags=_listed(tags),
        AddReplicaRegions=[{"Region": "us-east-1"}],
    )


def function(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=_arn(aws, "iam", f"role/{name}"),
        Runtime="python3.13",
        Handler="index.handler",
        Code={"ZipFile": _package()},
        Tags=dict(tags),
    )


def layer(aws: Aws, name: str, _: Tags) -> None:
    for _version in range(2):
        aws.client("lambda").publish_layer_version(LayerName=name, Content={"ZipFile": _package()})


def log_group(aws: Aws, name: str, tags: Tags) -> None:
    logs = aws.client("logs")
    group = f"/aws/lambda/{name}"
    logs.create_log_group(logGroupName=group, tags=dict(tags))
    logs.create_log_stream(logGroupName=group, logStreamName="stream")


def alarm(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        MetricName="Errors",
        Namespace="AWS/Lambda",
        Period=60,
        Statistic="Sum",
        Threshold=0,
        Tags=_listed(tags),
    )


def key(aws: Aws, name: str, tags: Tags) -> None:
    kms = aws.client("kms")
    listed = [{"TagKey": one, "TagValue": value} for one, value in tags.items()]
    made = kms.create_key(Description=name, Tags=listed)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=made)


def queue(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("sqs").create_queue(QueueName=name, tags=dict(tags))


def schedule(aws: Aws, name: str, _: Tags) -> None:
    aws.client("scheduler").create_schedule(
        Name=name,
        FlexibleTimeWindow={"Mode": "OFF"},
        ScheduleExpression="rate(1 day)",
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:secretsmanager:rotateSecret",
            "Input": json.dumps({"SecretId": name}),
            "RoleArn": _arn(aws, "iam", f"role/{name}"),
        },
    )


def rule(aws: Aws, name: str, tags: Tags) -> None:
    events = aws.client("events")
    pattern = json.dumps({"source": ["aws.secretsmanager"]})
    events.put_rule(Name=name, EventPattern=pattern, Tags=_listed(tags))
    events.put_targets(Rule=name, Targets=[{"Id": "one", "Arn": _arn(aws, "sqs", name)}])


def database(aws: Aws, name: str, tags: Tags) -> None:
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        DeletionProtection=True,
        Engine="postgres",
        ManageMasterUserPassword=True,
        MasterUsername="reports",
        Tags=_listed(tags),
    )


def bucket(aws: Aws, name: str, tags: Tags) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name}
    )
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": _listed(tags)})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for _ in range(2):
        s3.put_object(Bucket=name, Key="reports/one", Body=b"a")
    s3.delete_object(Bucket=name, Key="reports/one")


def network(aws: Aws, _name: str, tags: Tags) -> None:
    ec2 = aws.client("ec2")

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": _listed(tags)}]

    made = ec2.create_vpc(CidrBlock="10.91.0.0/24", TagSpecifications=tagged("vpc"))
    vpc = made["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.91.0.0/28", TagSpecifications=tagged("subnet"))
    ec2.create_security_group(
        GroupName="one",
        Description="one",
        VpcId=vpc,
        TagSpecifications=tagged("security-group"),
    )


# In an order in which a run could create them. Some need one that comes before.
CREATIONS: Final[tuple[Create, ...]] = (
    *(user, access_key, service_credential, user_policy, policy, attached_policy),
    *(role, role_policies, secret, secret_pending_deletion, replicated_secret, function, layer),
    *(log_group, alarm, key, queue, schedule, rule, database, bucket, network),
)
