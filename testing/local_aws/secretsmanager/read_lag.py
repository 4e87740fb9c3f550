"""Reads that return an earlier state of a secret.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot_general.html
"""

from __future__ import annotations

import contextlib
import copy
import json
import time
from typing import TYPE_CHECKING, Any

from ministack.services import secretsmanager

from testing.local_aws.patching import Handler, Json, Response, around
from testing.local_aws.switches import Current

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

# For each secret, its states and when each was first seen, the oldest first.
_states: dict[str, list[tuple[float, Json]]] = {}


def _record(secret_id: str | None) -> None:
    _, secret = secretsmanager._resolve(secret_id)
    if secret is None:
        return
    now = time.monotonic()
    states = _states.setdefault(secret["ARN"], [])
    if not states or states[-1][1] != secret:
        states.append((now, copy.deepcopy(secret)))
    seen_by_all = now - Current.switches.secret_read_lag_seconds
    while len(states) > 1 and states[1][0] <= seen_by_all:
        states.pop(0)


@around(secretsmanager, "handle_request")
async def handle_request(
    original: Callable[..., Awaitable[Response]], method: str, path: str, *request: Any
) -> Response:
    """Record the state of the secret before and after each request, while reads lag."""
    if not Current.switches.secret_read_lag_seconds:
        _states.clear()
        return await original(method, path, *request)
    parameters = json.loads(request[1] or "{}")
    secret_id = parameters.get("SecretId") or parameters.get("Name")
    _record(secret_id)
    response = await original(method, path, *request)
    _record(secret_id)
    return response


@contextlib.contextmanager
def _earlier_state(secret_id: str | None) -> Iterator[None]:
    """Put the earlier state in place of the current one; a new secret is visible at once."""
    name, secret = secretsmanager._resolve(secret_id)
    states = _states.get(secret["ARN"]) if secret is not None else None
    if not states or not Current.switches.secret_read_lag_seconds:
        yield
        return
    secretsmanager._secrets[name] = states[0][1]
    try:
        yield
    finally:
        secretsmanager._secrets[name] = secret


def _lag(name: str) -> None:
    @around(secretsmanager, name)
    def read(original: Handler, request: Json) -> Response:
        with _earlier_state(request.get("SecretId")):
            return original(request)


for _action in ("_get_secret_value", "_describe_secret", "_list_secret_version_ids"):
    _lag(_action)
