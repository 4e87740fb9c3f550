"""Replicas of a secret in other Regions.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateSecret,
    error_code,
    eventually,
)

OTHER_REGION = "us-east-2"


@pytest.fixture
def elsewhere(account: Account) -> Client:
    return account.client("secretsmanager", region_name=OTHER_REGION)


@pytest.fixture
def create_replicated(
    secrets: Client, create_secret: CreateSecret, later: contextlib.ExitStack
) -> CreateSecret:
    """Creates a secret with a replica, and removes the replica at the end of the test."""

    def create(**arguments: object) -> str:
        arn = create_secret(AddReplicaRegions=[{"Region": OTHER_REGION}], **arguments)
        later.callback(
            error_code,
            secrets.remove_regions_from_replication,
            SecretId=arn,
            RemoveReplicaRegions=[OTHER_REGION],
        )
        return arn

    return create


def status(secrets: Client, arn: str) -> list[tuple[str, str, str]]:
    replicas = secrets.describe_secret(SecretId=arn).get("ReplicationStatus", [])
    return [(replica["Region"], replica["Status"], replica["KmsKeyId"]) for replica in replicas]


def test_a_secret_can_be_created_with_a_replica(
    secrets: Client, create_replicated: CreateSecret, elsewhere: Client, name: str
) -> None:
    """AWS: "A list of the replicas of this secret and their status". The status becomes InSync.
    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
    """
    arn = create_replicated(SecretString="a")

    synced = [(OTHER_REGION, "InSync", "alias/aws/secretsmanager")]
    assert eventually("the replica", lambda: status(secrets, arn), lambda found: found == synced)
    replica = elsewhere.get_secret_value(SecretId=name)
    assert replica["SecretString"] == "a"
    assert replica["ARN"] == arn.replace(secrets.meta.region_name, OTHER_REGION)


def test_a_new_value_is_copied_to_the_replica(
    secrets: Client, create_replicated: CreateSecret, elsewhere: Client, name: str
) -> None:
    """AWS: "If you turn on rotation for your primary secret, Secrets Manager rotates the secret in
    the primary Region, and the new secret value propagates to all of the associated replicas."
    """
    arn = create_replicated()
    version = secrets.put_secret_value(SecretId=arn, SecretString="b")["VersionId"]

    def read_copy() -> str:
        return error_code(elsewhere.get_secret_value, SecretId=name, VersionId=version)

    assert not eventually("the replica", read_copy, lambda code: not code)
    assert error_code(elsewhere.put_secret_value, SecretId=name, SecretString="c")


def test_a_replica_can_be_removed(
    secrets: Client, create_replicated: CreateSecret, elsewhere: Client, name: str
) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RemoveRegionsFromReplication.html"""
    arn = create_replicated(SecretString="a")
    eventually("the replica", lambda: not error_code(elsewhere.describe_secret, SecretId=name))

    secrets.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=[OTHER_REGION])

    assert status(secrets, arn) == []
    removed = eventually(
        "the removal", lambda: error_code(elsewhere.describe_secret, SecretId=name)
    )
    assert removed == "ResourceNotFoundException"
