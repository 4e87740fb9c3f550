"""A share of the calls of functions is refused as throttled, the same ones for the same seed.

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

    from testing.local_aws.patching import Answer

_REFUSED: Final = ("ThrottlingException", "Rate exceeded")
# How the key of a role begins, and so that of a function.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
_SESSION: Final = "ASIA"

_numbers = itertools.count()


def _is_drawn() -> bool:
    seed = f"{Current.switches.throttling_seed}/{next(_numbers)}"
    return random.Random(seed).random() < Current.switches.throttled_share  # noqa: S311 - no secret


def _throttle(service: str, refuse: Callable[[], Answer]) -> None:
    original: Callable[..., Awaitable[Answer]] = app.SERVICE_HANDLERS[service]

    @functools.wraps(original)
    async def answer(
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
    ) -> Answer:
        key_id = extract_access_key_id(headers, query) or ""
        if key_id.startswith(_SESSION) and _is_drawn():
            return refuse()
        return await original(method, path, headers, body, query)

    app.SERVICE_HANDLERS[service] = answer


_throttle("secretsmanager", lambda: error_response_json(*_REFUSED, 400))
_throttle("iam", lambda: iam._error(400, *_REFUSED))
