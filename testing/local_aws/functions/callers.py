"""Permissions to invoke a function.

A service needs the function's resource-based policy; another account needs that and its own
policies. EventBridge needs a queue's resource-based policy in the same way.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_region
from ministack.services import eventbridge, lambda_svc, sqs

from testing.local_aws.iam.member_accounts import in_account
from testing.local_aws.patching import Function, Json, Response, around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_FUNCTION_ARN: Final = re.compile(r"arn:aws[a-z-]*:lambda:[^:]*:([0-9]{12}):function:")
_STREAMED: Final = "/response-streaming-invocations"


def in_account_of(function_arn: str) -> contextlib.AbstractContextManager[None]:
    """Act in the function's account, if the ARN has one."""
    found = _FUNCTION_ARN.search(function_arn)
    return in_account(found[1]) if found else contextlib.nullcontext()


def service_may_invoke(function_arn: str, service: str, source_arn: str) -> bool:
    """Evaluate the function's policy for a service that acts on behalf of a source resource."""
    policy, _ = lambda_svc.function_policy_for_arn(function_arn) or (None, None)
    return service_is_allowed(policy, "lambda:InvokeFunction", function_arn, service, source_arn)


def service_is_allowed(
    policy: str | None, action: str, resource_arn: str, service: str, source_arn: str
) -> bool:
    """Evaluate a resource-based policy for a service that acts on behalf of a source resource."""
    request = iam_evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account="",
        action=action,
        resource_arn=resource_arn,
        region=get_region(),
        service_context={
            "aws:sourcearn": source_arn,
            "aws:sourceaccount": source_arn.split(":")[4],
        },
    )
    result = iam_evaluator.evaluate_resource_policy(policy, request, service=service)
    return bool(result.decision == "Allow")


@around(lambda_svc, "function_policy_for_arn")
def function_policy_for_arn(original: Function, function_arn: str) -> object:
    """Find the policy in the function's account."""
    with in_account_of(function_arn):
        return original(function_arn)


@around(lambda_svc, "handle_request")
async def handle_request(
    original: Callable[..., Awaitable[Response]], method: str, path: str, *request: Any
) -> Response:
    """Handle a request from another account in the function's account."""
    with in_account_of(unquote(path)):
        return await original(method, path, *request)


@around(iam_actions, "extract_iam_action")
def extract_iam_action(original: Function, service: str, method: str, path: str, *more: Any) -> Any:
    """Require the same permission for a streamed response.

    https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
    """
    if service == "lambda" and path.endswith(_STREAMED):
        return "lambda:InvokeFunction"
    return original(service, method, path, *more)


@around(eventbridge, "_invoke_target")
def invoke_target(original: Function, target: Json, event: Json, rule: Json, *more: Any) -> None:
    """Deliver an event only to a function or queue whose policy allows EventBridge.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    arn, events = target.get("Arn", ""), "events.amazonaws.com"
    queue = sqs._queue_by_arn(arn)
    if queue is not None:
        policy = queue["attributes"].get("Policy")
        allowed = service_is_allowed(policy, "sqs:SendMessage", arn, events, rule["Arn"])
    else:
        allowed = not _FUNCTION_ARN.match(arn) or service_may_invoke(arn, events, rule["Arn"])
    if allowed:
        original(target, event, rule, *more)
