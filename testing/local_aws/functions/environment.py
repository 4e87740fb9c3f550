"""The size of a function's environment variables.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import json
from typing import Final

from ministack.services import lambda_svc

from testing.local_aws.patching import Function, Handler, Json, Response, around
from testing.local_aws.refusals import LargeEnvironment

_MOST_BYTES: Final = 4096


def _require_small(request: Json) -> None:
    """Measure the JSON of all variables, in which a quote in a value counts two bytes."""
    variables = (request.get("Environment") or {}).get("Variables") or {}
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > _MOST_BYTES:
        raise LargeEnvironment(measured=measured)


@around(lambda_svc, "_create_function")
def create_function(original: Handler, request: Json) -> Response:
    """Refuse more than 4 KB.

    https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
    """
    _require_small(request)
    return original(request)


@around(lambda_svc, "_update_config")
def update_function_configuration(original: Function, name: str, request: Json) -> Response:
    """Refuse more than 4 KB.

    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
    """
    _require_small(request)
    response: Response = original(name, request)
    return response
