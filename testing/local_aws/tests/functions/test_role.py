"""The permissions that Lambda requires of a function's role."""

import contextlib

import pytest

from testing.local_aws.tests.conftest import (
    Account,
    Client,
    CreateRotator,
    Json,
    Rotator,
    allow,
    error_code,
    eventual_code,
    policy,
)

NETWORK = [
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
]
TRACING = ["xray:PutTraceSegments"]


@pytest.fixture
def network(account: Account, later: contextlib.ExitStack) -> Json:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.91.0.0/24")["Vpc"]["VpcId"]
    later.callback(ec2.delete_vpc, VpcId=vpc)
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.91.0.0/28")["Subnet"]["SubnetId"]
    later.callback(ec2.delete_subnet, SubnetId=subnet)
    found = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    return {"SubnetIds": [subnet], "SecurityGroupIds": [found["SecurityGroups"][0]["GroupId"]]}


def code_without_permission(
    account: Account, rotator: Rotator, required: list[str], missing: str, **configuration: object
) -> str:
    """Return the error code if one permission is missing; check that all together suffice."""
    iam = account.client("iam")
    configure = account.client("lambda").update_function_configuration
    change = {"FunctionName": rotator.name, **configuration}
    inline = {"RoleName": rotator.name, "PolicyName": "more"}
    rest = [action for action in required if action != missing] or ["ec2:DescribeVpcs"]
    iam.put_role_policy(**inline, PolicyDocument=policy(allow(rest, "*")))
    try:
        refused = error_code(configure, **change)
        iam.put_role_policy(**inline, PolicyDocument=policy(allow(required, "*")))
        eventual_code(configure, "", **change)
    finally:
        iam.delete_role_policy(**inline)
    return refused


@pytest.mark.parametrize("missing", NETWORK)
def test_a_function_in_a_vpc_needs_permissions_for_network_interfaces(
    account: Account, create_rotator: CreateRotator, network: Json, missing: str
) -> None:
    """AWS: "make sure to add all of the following permissions" to the function's role.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    Lambda checks these three when the function is configured.
    """
    refused = code_without_permission(
        account, create_rotator(), NETWORK, missing, VpcConfig=network
    )

    assert refused == "InvalidParameterValueException"


def test_the_permission_to_delete_network_interfaces_must_be_for_all_resources(
    account: Account, iam: Client, create_rotator: CreateRotator, network: Json
) -> None:
    """AWS: "include all resource IDs, for example" a pattern that ends in */*.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    name = create_rotator().name
    configure = account.client("lambda").update_function_configuration
    inline = {"RoleName": name, "PolicyName": "more"}

    def configured(resource: str, expected: str) -> str:
        deletes = allow("ec2:DeleteNetworkInterface", account.arn("ec2", resource))
        statements = [allow(action, "*") for action in NETWORK if "Delete" not in action]
        iam.put_role_policy(**inline, PolicyDocument=policy(deletes, *statements))
        return eventual_code(configure, expected, FunctionName=name, VpcConfig=network)

    try:
        narrow = configured("network-interface/*", "InvalidParameterValueException")
        wide = configured("*/*", "")
    finally:
        iam.delete_role_policy(**inline)

    assert (narrow, wide) == ("InvalidParameterValueException", "")


@pytest.mark.parametrize("missing", TRACING)
def test_a_traced_function_needs_the_permission_to_send_traces(
    account: Account, create_rotator: CreateRotator, missing: str
) -> None:
    """AWS: "Lambda needs the following permissions to send trace data to X-Ray."
    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html#services-xray-permissions
    """
    tracing = {"Mode": "Active"}

    refused = code_without_permission(
        account, create_rotator(), TRACING, missing, TracingConfig=tracing
    )

    assert refused == "InvalidParameterValueException"
