"""Every kind of resource that a run can create: how to find it, read its tags and remove it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from botocore.exceptions import ClientError

from testing.harness.account import Aws

Client: TypeAlias = Any  # boto3 makes its methods at run time.


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource in the account."""

    kind: str
    name: str
    tags: Callable[[], Mapping[str, str]]
    remove: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def _tags_in(described: Mapping[str, Any], member: str) -> dict[str, str]:
    """Return the tags in a response, in whichever form the service has them."""
    tags: Any = described.get(member, {})
    if isinstance(tags, Mapping):
        return dict(tags)
    return {
        tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue")) for tag in tags
    }


def _tags_of(call: Callable[..., Mapping[str, Any]], member: str, **which: str) -> dict[str, str]:
    return _tags_in(call(**which), member)


def _items(client: Client, operation: str, path: str, **arguments: object) -> Iterator[Any]:
    pages = client.get_paginator(operation).paginate(**arguments)
    return (item for item in pages.search(path) if item is not None)


def _rules(aws: Aws) -> Iterator[Resource]:
    client = aws.client("events")

    def remove(name: str) -> None:
        targets = _items(client, "list_targets_by_rule", "Targets[].Id", Rule=name)
        if ids := list(targets):
            client.remove_targets(Rule=name, Ids=ids)
        client.delete_rule(Name=name)

    for rule in _items(client, "list_rules", "Rules[]"):
        yield Resource(
            "EventBridge rule",
            rule["Name"],
            partial(_tags_of, client.list_tags_for_resource, "Tags", ResourceARN=rule["Arn"]),
            partial(remove, rule["Name"]),
        )


def _schedules(aws: Aws) -> Iterator[Resource]:
    """AWS has no tags for a schedule."""
    client = aws.client("scheduler")
    for schedule in _items(client, "list_schedules", "Schedules[]"):
        which = {name: schedule[name] for name in ("Name", "GroupName")}
        yield Resource("schedule", which["Name"], dict, partial(client.delete_schedule, **which))


def _functions(aws: Aws) -> Iterator[Resource]:
    client = aws.client("lambda")
    for function in _items(client, "list_functions", "Functions[]"):
        name = function["FunctionName"]
        yield Resource(
            "function",
            name,
            partial(_tags_of, client.list_tags, "Tags", Resource=function["FunctionArn"]),
            partial(client.delete_function, FunctionName=name),
        )


def _layers(aws: Aws) -> Iterator[Resource]:
    """AWS has no tags for a layer."""
    client = aws.client("lambda")

    def remove(name: str) -> None:
        for version in _items(
            client, "list_layer_versions", "LayerVersions[].Version", LayerName=name
        ):
            client.delete_layer_version(LayerName=name, VersionNumber=version)

    for name in _items(client, "list_layers", "Layers[].LayerName"):
        yield Resource("layer", name, dict, partial(remove, name))


def _secrets(aws: Aws) -> Iterator[Resource]:
    client = aws.client("secretsmanager")

    def remove(arn: str) -> None:
        described = client.describe_secret(SecretId=arn)
        if replicas := [one["Region"] for one in described.get("ReplicationStatus", [])]:
            client.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=replicas)
        if "DeletedDate" in described:
            client.restore_secret(SecretId=arn)
        client.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    for secret in _items(client, "list_secrets", "SecretList[]", IncludePlannedDeletion=True):
        # The service that owns a secret deletes it. A replica goes with its primary secret.
        if "OwningService" in secret or _is_replica(client, secret):
            continue
        yield Resource(
            "secret",
            secret["Name"],
            partial(_tags_in, secret, "Tags"),
            partial(remove, secret["ARN"]),
        )


def _is_replica(client: Client, secret: Mapping[str, Any]) -> bool:
    return bool(secret.get("PrimaryRegion", client.meta.region_name) != client.meta.region_name)


def _alarms(aws: Aws) -> Iterator[Resource]:
    client = aws.client("cloudwatch")
    for alarm in _items(client, "describe_alarms", "MetricAlarms[]"):
        yield Resource(
            "alarm",
            alarm["AlarmName"],
            partial(_tags_of, client.list_tags_for_resource, "Tags", ResourceARN=alarm["AlarmArn"]),
            partial(client.delete_alarms, AlarmNames=[alarm["AlarmName"]]),
        )


def _queues(aws: Aws) -> Iterator[Resource]:
    client = aws.client("sqs")
    for url in _items(client, "list_queues", "QueueUrls[]"):
        yield Resource(
            "queue",
            url,
            partial(_tags_of, client.list_queue_tags, "Tags", QueueUrl=url),
            partial(client.delete_queue, QueueUrl=url),
        )


def _databases(aws: Aws) -> Iterator[Resource]:
    client = aws.client("rds")

    def remove(database: Mapping[str, Any]) -> None:
        which = {"DBInstanceIdentifier": database["DBInstanceIdentifier"]}
        if database["DBInstanceStatus"] == "deleting":  # This takes minutes.
            return
        if database.get("DeletionProtection"):
            client.modify_db_instance(**which, DeletionProtection=False, ApplyImmediately=True)
        client.delete_db_instance(**which, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)

    for database in _items(client, "describe_db_instances", "DBInstances[]"):
        yield Resource(
            "database",
            database["DBInstanceIdentifier"],
            partial(_tags_in, database, "TagList"),
            partial(remove, database),
        )


def _buckets(aws: Aws) -> Iterator[Resource]:
    client = aws.client("s3")

    def tags(name: str) -> dict[str, str]:
        try:
            return _tags_of(client.get_bucket_tagging, "TagSet", Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchTagSet":
                return {}
            raise

    def remove(name: str) -> None:
        for path in ("Versions[]", "DeleteMarkers[]"):
            for version in _items(client, "list_object_versions", path, Bucket=name):
                which = {"Key": version["Key"], "VersionId": version["VersionId"]}
                client.delete_object(Bucket=name, **which)
        client.delete_bucket(Bucket=name)

    for bucket in client.list_buckets()["Buckets"]:
        name = bucket["Name"]
        yield Resource("bucket", name, partial(tags, name), partial(remove, name))


def _users(aws: Aws) -> Iterator[Resource]:
    client = aws.client("iam")

    def remove(name: str) -> None:
        user = {"UserName": name}
        for key in _items(client, "list_access_keys", "AccessKeyMetadata[].AccessKeyId", **user):
            client.delete_access_key(**user, AccessKeyId=key)
        listed = client.list_service_specific_credentials(**user)["ServiceSpecificCredentials"]
        for one in listed:
            which = {"ServiceSpecificCredentialId": one["ServiceSpecificCredentialId"]}
            client.delete_service_specific_credential(**user, **which)
        for policy in _items(client, "list_user_policies", "PolicyNames[]", **user):
            client.delete_user_policy(**user, PolicyName=policy)
        for arn in _items(
            client, "list_attached_user_policies", "AttachedPolicies[].PolicyArn", **user
        ):
            client.detach_user_policy(**user, PolicyArn=arn)
        client.delete_user(**user)

    for name in _items(client, "list_users", "Users[].UserName"):
        yield Resource(
            "user",
            name,
            partial(_tags_of, client.list_user_tags, "Tags", UserName=name),
            partial(remove, name),
        )


def _roles(aws: Aws) -> Iterator[Resource]:
    client = aws.client("iam")

    def remove(name: str) -> None:
        role = {"RoleName": name}
        for policy in _items(client, "list_role_policies", "PolicyNames[]", **role):
            client.delete_role_policy(**role, PolicyName=policy)
        for arn in _items(
            client, "list_attached_role_policies", "AttachedPolicies[].PolicyArn", **role
        ):
            client.detach_role_policy(**role, PolicyArn=arn)
        client.delete_role(**role)

    for role in _items(client, "list_roles", "Roles[]"):
        name = role["RoleName"]
        if role["Path"].startswith("/aws-service-role/"):
            continue
        yield Resource(
            "role",
            name,
            partial(_tags_of, client.list_role_tags, "Tags", RoleName=name),
            partial(remove, name),
        )


def _policies(aws: Aws) -> Iterator[Resource]:
    client = aws.client("iam")

    def remove(arn: str) -> None:
        for version in _items(client, "list_policy_versions", "Versions[]", PolicyArn=arn):
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        client.delete_policy(PolicyArn=arn)

    for policy in _items(client, "list_policies", "Policies[]", Scope="Local"):
        yield Resource(
            "policy",
            policy["PolicyName"],
            partial(_tags_of, client.list_policy_tags, "Tags", PolicyArn=policy["Arn"]),
            partial(remove, policy["Arn"]),
        )


def _log_groups(aws: Aws) -> Iterator[Resource]:
    client = aws.client("logs")
    for group in _items(client, "describe_log_groups", "logGroups[]"):
        name, arn = group["logGroupName"], group["arn"].removesuffix(":*")
        yield Resource(
            "log group",
            name,
            partial(_tags_of, client.list_tags_for_resource, "tags", resourceArn=arn),
            partial(client.delete_log_group, logGroupName=name),
        )


def _keys(aws: Aws) -> Iterator[Resource]:
    """AWS deletes a key after seven days, and charges nothing for it until then."""
    client = aws.client("kms")

    def tags(key: str) -> dict[str, str]:
        # The policy of another key can deny this call, and must not hide the keys of the run.
        described = client.describe_key(KeyId=key)["KeyMetadata"]
        if described["KeyManager"] != "CUSTOMER" or described["KeyState"] == "PendingDeletion":
            return {}
        return _tags_of(client.list_resource_tags, "Tags", KeyId=key)

    def remove(key: str) -> None:
        for alias in _items(client, "list_aliases", "Aliases[].AliasName", KeyId=key):
            client.delete_alias(AliasName=alias)
        client.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)

    for key in _items(client, "list_keys", "Keys[].KeyId"):
        yield Resource("key", key, partial(tags, key), partial(remove, key))


def _networks(aws: Aws) -> Iterator[Resource]:
    client = aws.client("ec2")
    for kind, operation, path, identity, remove in (
        ("security group", "describe_security_groups", "SecurityGroups[]", "GroupId",
         client.delete_security_group),
        ("subnet", "describe_subnets", "Subnets[]", "SubnetId", client.delete_subnet),
        ("VPC", "describe_vpcs", "Vpcs[]", "VpcId", client.delete_vpc),
    ):  # fmt: skip
        for one in _items(client, operation, path):
            # AWS deletes the default group with its VPC.
            if one.get("GroupName") == "default":
                continue
            yield Resource(
                kind,
                one[identity],
                partial(_tags_in, one, "Tags"),
                partial(remove, **{identity: one[identity]}),
            )


# The first kinds can start others, and must not create anything again. Roles, log groups and keys
# come after what uses them.
KINDS: Final[tuple[Callable[[Aws], Iterator[Resource]], ...]] = (
    *(_rules, _schedules, _functions, _layers, _secrets, _alarms, _queues, _databases, _buckets),
    *(_users, _roles, _policies, _log_groups, _keys, _networks),
)
