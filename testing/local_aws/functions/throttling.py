"""Throttles a random share of the calls of functions, the same ones for the same seed.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import functools
import itertools
import random
from typing import TYPE_CHECKING, Final

from ministack import app
from ministack.core.responses import error_response_json
from ministack.core.router import extract_access_key_id
from ministack.services import iam

from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from testing.local_aws.patching import Response

_THROTTLED: Final = ("ThrottlingException", "Rate exceeded")
# The prefix of temporary access keys, and therefore of every function's key.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
_SESSION: Final = "ASIA"

_call_numbers = itertools.count()


def _is_throttled() -> bool:
    seed = f"{Current.switches.throttling_seed}/{next(_call_numbers)}"
    return random.Random(seed).random() < Current.switches.throttled_share  # noqa: S311 - no secret


def _throttle(service: str, refuse: Callable[[], Response]) -> None:
    original: Callable[..., Awaitable[Response]] = app.SERVICE_HANDLERS[service]

    @functools.wraps(original)
    async def handle_request(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
    ) -> Response:
        key_id = extract_access_key_id(headers, query) or ""
        if key_id.startswith(_SESSION) and _is_throttled():
            return refuse()
        return await original(method, path, headers, body, query)

    app.SERVICE_HANDLERS[service] = handle_request


_throttle("secretsmanager", lambda: error_response_json(*_THROTTLED, 400))
_throttle("iam", lambda: iam._error(400, *_THROTTLED))
