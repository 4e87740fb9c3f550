"""The condition key lambda:SourceFunctionArn: the function whose code makes a request.

https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
"""

from __future__ import annotations

from typing import Any, Final

from ministack.core import iam_evaluator, lambda_runtime

from testing.local_aws.patching import Function, Json, around

KEY: Final = "lambda:SourceFunctionArn"

_functions: dict[str, str] = {}


@around(lambda_runtime, "execution_credentials")
def execution_credentials(original: Function, config: Json) -> dict[str, str]:
    """Record which function receives these credentials."""
    credentials: dict[str, str] = original(config)
    _functions[credentials["AWS_ACCESS_KEY_ID"]] = config["FunctionArn"]
    return credentials


@around(iam_evaluator, "enforce")
def enforce(  # noqa: PLR0913, PLR0917 - MiniStack's signature
    original: Function,
    access_key_id: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> object:
    """Add the source function to the context of a request."""
    context = {KEY: _functions.get(access_key_id), **(service_context or {})}
    return original(access_key_id, action, service, region, resource_arn, context)
