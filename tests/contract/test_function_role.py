"""What a role must be allowed before Lambda takes it."""

import contextlib

import pytest

from tests.contract.conftest import (
    Account,
    Client,
    CreateRotator,
    Json,
    allow,
    decided,
    error_code,
    policy,
)

NETWORK = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
]
TRACING = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


@pytest.fixture
def network(account: Account, later: contextlib.ExitStack) -> Json:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.91.0.0/24")["Vpc"]["VpcId"]
    later.callback(ec2.delete_vpc, VpcId=vpc)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.91.0.0/28")["Subnet"]["SubnetId"]
    later.callback(ec2.delete_subnet, SubnetId=subnet)
    found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    return {"SubnetIds": [subnet], "SecurityGroupIds": [found["SecurityGroups"][0]["GroupId"]]}


def refused_until_granted(
    account: Account, iam: Client, name: str, actions: list[str], **configuration: object
) -> str:
    """Configure a function whose role lacks the actions, then one whose role has them."""
    configure = account.client("lambda").update_function_configuration
    change = {"FunctionName": name, **configuration}
    refused = error_code(configure, **change)
    inline = {"RoleName": name, "PolicyName": "more"}
    iam.put_role_policy(**inline, PolicyDocument=policy(allow(actions, "*")))
    try:
        decided(configure, "", **change)
    finally:
        iam.delete_role_policy(**inline)
    return refused


def test_a_function_in_a_vpc_needs_to_manage_its_interfaces(
    account: Account, iam: Client, create_rotator: CreateRotator, network: Json
) -> None:
    """AWS: "make sure to add all of the following permissions" to the function's role.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    name = create_rotator().name

    refused = refused_until_granted(account, iam, name, NETWORK, VpcConfig=network)

    assert refused == "InvalidParameterValueException"


def test_a_traced_function_needs_to_send_its_traces(
    account: Account, iam: Client, create_rotator: CreateRotator
) -> None:
    """AWS: "Lambda needs the following permissions to send trace data to X-Ray."
    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html#services-xray-permissions
    """
    name = create_rotator().name

    refused = refused_until_granted(account, iam, name, TRACING, TracingConfig={"Mode": "Active"})

    assert refused == "InvalidParameterValueException"
