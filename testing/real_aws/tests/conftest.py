"""A local AWS in the place of the real account."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from testing.harness.account import Aws, inventory
from testing.local_aws import local_aws


@dataclass(frozen=True)
class QuickAws:
    """An account that makes each client once, because the clean-up asks for many."""

    environment: dict[str, str]
    client: Callable[..., Any]


@pytest.fixture(scope="module")
def aws() -> Iterator[QuickAws]:
    with local_aws() as aws:
        yield QuickAws(aws.environment, functools.cache(aws.client))


def everything(aws: Aws) -> frozenset[str]:
    """Return the inventory of the harness, and the kinds that only contract tests create."""
    kms, ec2 = aws.client("kms"), aws.client("ec2")
    keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
    elsewhere = aws.client("secretsmanager", region_name="us-east-1")
    more = [
        *(one["KeyId"] for one in keys if one["KeyState"] != "PendingDeletion"),
        *(one["AliasName"] for one in kms.list_aliases()["Aliases"]),
        *(one["LayerName"] for one in aws.client("lambda").list_layers()["Layers"]),
        *(one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]),
        *(one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]),
        *(one["GroupId"] for one in ec2.describe_security_groups()["SecurityGroups"]),
        *(one["ARN"] for one in elsewhere.list_secrets()["SecretList"]),
    ]
    return inventory(aws) | {*more}
