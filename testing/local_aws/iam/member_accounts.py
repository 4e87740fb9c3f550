"""Member accounts, which the server's account creates through AWS Organizations.

https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final

from ministack.core import responses
from ministack.services import iam, organizations

from testing.local_aws.patching import OK, Handler, Json, Response, around, content

if TYPE_CHECKING:
    from collections.abc import Iterator

_ADMINISTRATOR: Final = "arn:aws:iam::aws:policy/AdministratorAccess"


@contextlib.contextmanager
def in_account(account_id: str) -> Iterator[None]:
    """Act in another account for the length of the block."""
    token = responses._request_account_id.set(account_id)
    try:
        yield
    finally:
        responses._request_account_id.reset(token)


@around(organizations._DISPATCH, "CreateAccount")
def create_account(original: Handler, request: Json) -> Response:
    """Create the role in the new account that gives the management account access to it."""
    response = original(request)
    if response[0] != OK:
        return response
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{responses.get_account_id()}:root"},
    }
    name = request.get("RoleName", "OrganizationAccountAccessRole")
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    with in_account(content(response)["CreateAccountStatus"]["AccountId"]):
        iam._IAM_HANDLERS["CreateRole"]({"RoleName": name, "AssumeRolePolicyDocument": document})
        iam._IAM_HANDLERS["AttachRolePolicy"]({"RoleName": name, "PolicyArn": _ADMINISTRATOR})
    return response
