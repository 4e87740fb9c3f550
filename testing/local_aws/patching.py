"""Replaces or wraps functions of MiniStack.

MiniStack looks up its functions by name at each call. A function that is stored under the same
name in the same module or table therefore replaces the original.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

from ministack.core.responses import error_response_json, json_response
from ministack.core.router import extract_access_key_id
from ministack.services import secretsmanager

from testing.local_aws.refusals import IsReplica, MarkedForDeletion, NoSecret, Refused

Json: TypeAlias = dict[str, Any]
Response: TypeAlias = tuple[int, dict[str, str], bytes]
Handler: TypeAlias = Callable[[Json], Response]
Function: TypeAlias = Callable[..., Any]

OK = 200


def around(owner: object, name: str) -> Callable[[Function], Function]:
    """Wrap a function of MiniStack, which becomes the decorated function's first argument."""

    def install(function: Function) -> Function:
        if isinstance(owner, dict):
            owner[name] = functools.partial(function, owner[name])
        else:
            wrapped = functools.partial(_with_error_response(function), getattr(owner, name))
            setattr(owner, name, wrapped)
        return function

    return install


def in_place_of(owner: object, name: str) -> Callable[[Function], Function]:
    """Replace a function of MiniStack with the decorated function."""

    def install(function: Function) -> Function:
        setattr(owner, name, _with_error_response(function))
        return function

    return install


def _with_error_response(function: Function) -> Function:
    @functools.wraps(function)
    def respond(*arguments: object, **options: object) -> object:
        try:
            return function(*arguments, **options)
        except Refused as refused:
            return error_response_json(refused.code, refused.message, 400)

    return respond


_new_actions: dict[str, Handler] = {}
_caller: ContextVar[str] = ContextVar("local_aws_caller", default="")


def new_action(name: str) -> Callable[[Handler], Handler]:
    """Add an action of Secrets Manager that MiniStack does not implement."""

    def install(handler: Handler) -> Handler:
        _new_actions[name] = _with_error_response(handler)
        return handler

    return install


@around(secretsmanager, "handle_request")
async def _handle_secrets_manager(  # noqa: PLR0913, PLR0917 - MiniStack's signature
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],
) -> Response:
    _caller.set(extract_access_key_id(headers, query) or "")
    action = _new_actions.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if action is not None:
        return action(json.loads(body))
    return await original(method, path, headers, body, query)


def caller() -> str:
    """Return the ID of the access key that signed the request to Secrets Manager."""
    return _caller.get()


def success(**fields: object) -> Response:
    """Return a successful response in the protocol of Secrets Manager."""
    response: Response = json_response(fields)
    return response


def content(response: Response) -> Json:
    """Return the parsed body of a response."""
    body: Json = json.loads(response[2])
    return body


def find_secret(request: Json) -> Json:
    """Return MiniStack's record of the secret that a request names.

    Raises:
        Refused: The secret does not exist, is marked for deletion, or is a replica.
    """
    _, secret = secretsmanager._resolve(request.get("SecretId"))
    if secret is None:
        raise NoSecret
    if secret.get("DeletedDate"):
        raise MarkedForDeletion
    if secretsmanager._is_replica(secret):
        raise IsReplica
    found: Json = secret
    return found
