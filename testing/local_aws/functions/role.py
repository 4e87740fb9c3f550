"""What a function's role must be allowed before the function exists."""

from __future__ import annotations

from typing import Final

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from testing.local_aws.functions.source import KEY as SOURCE_FUNCTION
from testing.local_aws.patching import Answer, Function, Handler, Json, around
from testing.local_aws.refusals import RoleMayNot

# What the two pages ask for beside these is not looked at before Lambda uses it.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_NETWORK: Final = {
    "ec2:CreateNetworkInterface": "network-interface/*",
    "ec2:DeleteNetworkInterface": "*/*",
    "ec2:DescribeNetworkInterfaces": None,
}
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html#services-xray-permissions
_TRACING: Final = ("xray:PutTraceSegments",)


def role_may(config: Json, action: str, resource: str) -> bool:
    """Evaluate what a function's role may where Lambda itself uses it."""
    credentials = lambda_runtime.execution_credentials(config)
    service = action.partition(":")[0]
    # Lambda calls EC2 outside of the function, and does not say for which.
    # https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    context = {SOURCE_FUNCTION: None} if service == "ec2" else {}
    denied = iam_evaluator.enforce(
        credentials["AWS_ACCESS_KEY_ID"],
        action,
        service,
        get_region(),
        resource_arn=resource,
        service_context=context,
    )
    return not denied


def _needed(request: Json) -> dict[str, str]:
    needed = {}
    if (request.get("VpcConfig") or {}).get("SubnetIds"):
        ec2 = f"arn:aws:ec2:{get_region()}:{get_account_id()}:"
        for action, resource in _NETWORK.items():
            needed[action] = ec2 + resource if resource else "*"
    if (request.get("TracingConfig") or {}).get("Mode") == "Active":
        needed.update(dict.fromkeys(_TRACING, "*"))
    return needed


def _require(name: str, role_arn: str, request: Json) -> None:
    arn = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"
    config = {"FunctionArn": arn, "FunctionName": name, "Role": role_arn}
    for action, resource in _needed(request).items():
        if not role_may(config, action, resource):
            raise RoleMayNot(action=action)


@around(lambda_svc, "_create_function")
def create_function(original: Handler, request: Json) -> Answer:
    """Refuse a function whose role lacks what its configuration needs.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    _require(request.get("FunctionName", ""), request.get("Role", ""), request)
    return original(request)


@around(lambda_svc, "_update_config")
def update_function_configuration(original: Function, name: str, request: Json) -> Answer:
    """Refuse a configuration whose needs the role does not meet.

    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
    """
    function = lambda_svc._functions.get(name)
    if function is not None:
        _require(name, request.get("Role") or function["config"]["Role"], request)
    answer: Answer = original(name, request)
    return answer
