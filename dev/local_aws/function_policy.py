"""AddPermission that an SDK may send once more.

Seen in three applies of full test runs, the cause not found: the statement is there, its answer
never arrived, and the provider repeats the call for five minutes. AWS answers a repetition with
ResourceConflictException, too; on a loopback address that only says something of this server.
https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
"""

from __future__ import annotations

from http import HTTPStatus

from ministack.services import lambda_svc

from dev.local_aws.seam import Answer, Function, Json, around


@around(lambda_svc, "_add_permission")
def add_permission(original: Function, name: str, request: Json, *more: object) -> Answer:
    """Take a statement again that is already there, to the letter; refuse any other."""
    statements = lambda_svc._functions.get(name, {}).get("policy", {}).get("Statement", [])
    held = [one for one in statements if one["Sid"] == request.get("StatementId")]
    refused: Answer = original(name, request, *more)
    if not held or refused[0] != HTTPStatus.CONFLICT:
        return refused
    statements.remove(held[0])
    taken: Answer = original(name, request, *more)
    if taken[0] == HTTPStatus.CREATED and statements[-1] == held[0]:
        return taken
    statements[-1:] = held
    return refused
