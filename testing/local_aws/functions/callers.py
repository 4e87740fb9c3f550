"""Who may invoke a function: a service by the function's own policy, another account by both.

A queue lets EventBridge in likewise.

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
from testing.local_aws.patching import Answer, Function, Json, around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_FUNCTION_ARN: Final = re.compile(r"arn:aws[a-z-]*:lambda:[^:]*:([0-9]{12}):function:")
_STREAMED: Final = "/response-streaming-invocations"


def in_account_of(function_arn: str) -> contextlib.AbstractContextManager[None]:
    """Act in the account of a function that is named with its account."""
    named = _FUNCTION_ARN.search(function_arn)
    return in_account(named[1]) if named else contextlib.nullcontext()


def service_may_invoke(function_arn: str, service: str, source_arn: str) -> bool:
    """Evaluate the function's own policy as Lambda does when a service calls for a resource."""
    policy, _ = lambda_svc.function_policy_for_arn(function_arn) or (None, None)
    return service_is_let_in(policy, "lambda:InvokeFunction", function_arn, service, source_arn)


def service_is_let_in(
    policy: str | None, action: str, resource_arn: str, service: str, source_arn: str
) -> bool:
    """Evaluate the own policy of what a service calls for a resource."""
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
    decided = iam_evaluator.evaluate_resource_policy(policy, request, service=service)
    return bool(decided.decision == "Allow")


@around(lambda_svc, "function_policy_for_arn")
def function_policy_for_arn(original: Function, function_arn: str) -> object:
    """Find the policy in the account of the function."""
    with in_account_of(function_arn):
        return original(function_arn)


@around(lambda_svc, "handle_request")
async def handle_request(
    original: Callable[..., Awaitable[Answer]], method: str, path: str, *request: Any
) -> Answer:
    """Serve whom both policies let in from the account of the function."""
    with in_account_of(unquote(path)):
        return await original(method, path, *request)


@around(iam_actions, "extract_iam_action")
def extract_iam_action(original: Function, service: str, method: str, path: str, *more: Any) -> Any:
    """Ask for the same grant whichever way the answer comes.

    https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html
    """
    if service == "lambda" and path.endswith(_STREAMED):
        return "lambda:InvokeFunction"
    return original(service, method, path, *more)


@around(eventbridge, "_invoke_target")
def invoke_target(original: Function, target: Json, event: Json, rule: Json, *more: Any) -> None:
    """Deliver an event to a function or a queue that lets EventBridge in.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    arn, events = target.get("Arn", ""), "events.amazonaws.com"
    queue = sqs._queue_by_arn(arn)
    if queue is not None:
        policy = queue["attributes"].get("Policy")
        let_in = service_is_let_in(policy, "sqs:SendMessage", arn, events, rule["Arn"])
    else:
        let_in = not _FUNCTION_ARN.match(arn) or service_may_invoke(arn, events, rule["Arn"])
    if let_in:
        original(target, event, rule, *more)
