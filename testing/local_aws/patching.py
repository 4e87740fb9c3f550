"""How a function of ours takes the place of one of MiniStack's.

MiniStack looks its functions up by name at each call, so that a function put
under the same name in the same module, or table, takes over.
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
Answer: TypeAlias = tuple[int, dict[str, str], bytes]
Handler: TypeAlias = Callable[[Json], Answer]
Function: TypeAlias = Callable[..., Any]

OK = 200


def around(owner: object, name: str) -> Callable[[Function], Function]:
    """Put the decorated function around MiniStack's, which becomes its first argument."""

    def install(function: Function) -> Function:
        if isinstance(owner, dict):
            owner[name] = functools.partial(function, owner[name])
        else:
            setattr(owner, name, functools.partial(_answering(function), getattr(owner, name)))
        return function

    return install


def in_place_of(owner: object, name: str) -> Callable[[Function], Function]:
    """Put the decorated function in the place of MiniStack's."""

    def install(function: Function) -> Function:
        setattr(owner, name, _answering(function))
        return function

    return install


def _answering(function: Function) -> Function:
    @functools.wraps(function)
    def answer(*arguments: object, **options: object) -> object:
        try:
            return function(*arguments, **options)
        except Refused as refused:
            return error_response_json(refused.code, refused.message, 400)

    return answer


_further_actions: dict[str, Handler] = {}
_caller: ContextVar[str] = ContextVar("local_aws_caller", default="")


def further_action(name: str) -> Callable[[Handler], Handler]:
    """Add an action to Secrets Manager that MiniStack does not know."""

    def install(handler: Handler) -> Handler:
        _further_actions[name] = _answering(handler)
        return handler

    return install


@around(secretsmanager, "handle_request")
async def _handle_secrets_manager(  # noqa: PLR0913, PLR0917 - MiniStack's signature
    original: Callable[..., Awaitable[Answer]],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],
) -> Answer:
    _caller.set(extract_access_key_id(headers, query) or "")
    further = _further_actions.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if further is not None:
        return further(json.loads(body))
    return await original(method, path, headers, body, query)


def caller() -> str:
    """Return the access key that signed the request to Secrets Manager."""
    return _caller.get()


def answered(**fields: object) -> Answer:
    """Write a success in the protocol of Secrets Manager."""
    answer: Answer = json_response(fields)
    return answer


def content(answer: Answer) -> Json:
    """Read back what an answer says."""
    found: Json = json.loads(answer[2])
    return found


def find_secret(request: Json) -> Json:
    """Return MiniStack's record of the secret that a request names.

    Raises:
        Refused: There is none, or it is marked for deletion, or it is a replica.
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
