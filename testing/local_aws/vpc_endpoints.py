"""A VPC endpoint keeps its security groups, and whether it has a private DNS name."""

from __future__ import annotations

import re
from typing import Any

from ministack.services import ec2

from testing.local_aws.patching import Function, Json, Response, around


def _private_dns(request: Any) -> str | None:
    return ec2._p(request, "PrivateDnsEnabled") or None


@around(ec2._ACTION_MAP, "CreateVpcEndpoint")
def create(original: Function, request: Any) -> Response:
    """Keep two parameters that MiniStack drops.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html
    """
    response: Response = original(request)
    (identity,) = re.findall(rb"<vpcEndpointId>(vpce-\w+)<", response[2])
    endpoint = ec2._vpc_endpoints[identity.decode()]
    endpoint["PrivateDnsEnabled"] = _private_dns(request) or "false"
    endpoint["Groups"] = ec2._parse_member_list(request, "SecurityGroupId")
    return response


@around(ec2._ACTION_MAP, "ModifyVpcEndpoint")
def modify(original: Function, request: Any) -> Response:
    """Change the two parameters.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html
    """
    if endpoint := ec2._vpc_endpoints.get(ec2._p(request, "VpcEndpointId")):
        added, removed = (
            ec2._parse_member_list(request, f"{word}SecurityGroupId") for word in ("Add", "Remove")
        )
        groups = [one for one in endpoint["Groups"] if one not in removed]
        endpoint["Groups"] = [*groups, *added]
        endpoint["PrivateDnsEnabled"] = _private_dns(request) or endpoint["PrivateDnsEnabled"]
    response: Response = original(request)
    return response


@around(ec2, "_vpce_fields_xml")
def describe(original: Function, endpoint: Json, tag: str = "item") -> str:
    """Add both to each description.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcEndpoint.html
    """
    groups = "".join(f"<item><groupId>{one}</groupId></item>" for one in endpoint.get("Groups", []))
    more = f"<privateDnsEnabled>{endpoint.get('PrivateDnsEnabled', 'false')}</privateDnsEnabled>"
    more += f"<groupSet>{groups}</groupSet>"
    document: str = original(endpoint, tag=tag)
    return document.replace("<state>", f"{more}<state>", 1)
