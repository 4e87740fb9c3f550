"""The permissions that Lambda checks on a function's role when a function is created or changed."""

from __future__ import annotations

from typing import Final

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc

from testing.local_aws.functions.source import KEY as SOURCE_FUNCTION
from testing.local_aws.patching import Function, Handler, Json, Response, around
from testing.local_aws.refusals import RoleMayNot

# Lambda checks the other permissions of these two pages only when it uses them.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_NETWORK: Final = {
    "ec2:CreateNetworkInterface": "network-interface/*",
    "ec2:DeleteNetworkInterface": "*/*",
    "ec2:DescribeNetworkInterfaces": None,
}
# https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html#services-xray-permissions
_TRACING: Final = ("xray:PutTraceSegments",)


def role_may(config: Json, action: str, resource: str) -> bool:
    """Evaluate whether Lambda may do something with a function's role."""
    credentials = lambda_runtime.execution_credentials(config)
    service = action.partition(":")[0]
    # Lambda itself calls EC2, not the function, so these requests have no source function.
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


def _required_actions(request: Json) -> dict[str, str]:
    required = {}
    if (request.get("VpcConfig") or {}).get("SubnetIds"):
        ec2 = f"arn:aws:ec2:{get_region()}:{get_account_id()}:"
        for action, resource in _NETWORK.items():
            required[action] = ec2 + resource if resource else "*"
    if (request.get("TracingConfig") or {}).get("Mode") == "Active":
        required.update(dict.fromkeys(_TRACING, "*"))
    return required


def _require(name: str, role_arn: str, request: Json) -> None:
    arn = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"
    config = {"FunctionArn": arn, "FunctionName": name, "Role": role_arn}
    for action, resource in _required_actions(request).items():
        if not role_may(config, action, resource):
            raise RoleMayNot(action=action)


@around(lambda_svc, "_create_function")
def create_function(original: Handler, request: Json) -> Response:
    """Refuse a function whose role is missing a permission that its configuration needs.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    _require(request.get("FunctionName", ""), request.get("Role", ""), request)
    return original(request)


@around(lambda_svc, "_update_config")
def update_function_configuration(original: Function, name: str, request: Json) -> Response:
    """Refuse a configuration that needs a permission which is missing from the role.

    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
    """
    function = lambda_svc._functions.get(name)
    if function is not None:
        _require(name, request.get("Role") or function["config"]["Role"], request)
    response: Response = original(name, request)
    return response
