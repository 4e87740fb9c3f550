"""Requests for a secret of another account.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
"""

from __future__ import annotations

import json
import re
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from ministack.core.responses import get_account_id
from ministack.services import kms, secretsmanager

from testing.local_aws.iam.member_accounts import in_account
from testing.local_aws.patching import Function, Response, around

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_ARN: Final = re.compile(r"arn:aws[a-z-]*:(?:secretsmanager|kms):[^:]*:(\d{12}):.+")

_calling: ContextVar[str] = ContextVar("local_aws_calling_account")


def calling_account() -> str:
    """Return the account of the principal that sent the request."""
    return _calling.get(get_account_id())


@around(secretsmanager, "handle_request")
async def handle_request(
    original: Callable[..., Awaitable[Response]], method: str, path: str, *request: Any
) -> Response:
    """Handle a request for a secret of another account in that account."""
    _calling.set(get_account_id())
    found = _ARN.fullmatch(json.loads(request[1] or "{}").get("SecretId") or "")
    if found is None:
        return await original(method, path, *request)
    with in_account(found[1]):
        return await original(method, path, *request)


def _look_up_in_its_account(module: Any, name: str) -> None:
    @around(module, name)
    def policy_for_arn(original: Function, arn: str) -> object:
        found = _ARN.fullmatch(arn)
        if found is None:
            return original(arn)
        with in_account(found[1]):
            return original(arn)


_look_up_in_its_account(secretsmanager, "secret_policy_for_arn")
_look_up_in_its_account(kms, "key_policy_for_arn")
