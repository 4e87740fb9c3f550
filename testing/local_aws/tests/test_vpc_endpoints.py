"""VPC endpoints.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html
"""

import contextlib

import pytest

from testing.local_aws.tests.conftest import Account

pytestmark = pytest.mark.local_only("The clean-up knows no VPC endpoint.")


def test_an_endpoint_keeps_its_groups_and_its_private_dns_name(
    account: Account, later: contextlib.ExitStack, name: str
) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.93.0.0/24")["Vpc"]["VpcId"]
    later.callback(ec2.delete_vpc, VpcId=vpc)
    groups = []
    for suffix in ("one", "two"):
        group = ec2.create_security_group(
            GroupName=f"{name}-{suffix}", Description=name, VpcId=vpc
        )["GroupId"]
        later.callback(ec2.delete_security_group, GroupId=group)
        groups.append(group)
    endpoint = ec2.create_vpc_endpoint(
        PrivateDnsEnabled=True,
        SecurityGroupIds=groups[:1],
        ServiceName=f"com.amazonaws.{account.region}.secretsmanager",
        VpcEndpointType="Interface",
        VpcId=vpc,
    )["VpcEndpoint"]["VpcEndpointId"]
    later.callback(ec2.delete_vpc_endpoints, VpcEndpointIds=[endpoint])

    def described() -> tuple[bool, list[str]]:
        (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
        return found["PrivateDnsEnabled"], [group["GroupId"] for group in found["Groups"]]

    assert described() == (True, groups[:1])
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint,
        PrivateDnsEnabled=False,
        AddSecurityGroupIds=groups[1:],
        RemoveSecurityGroupIds=groups[:1],
    )
    assert described() == (False, groups[1:])
