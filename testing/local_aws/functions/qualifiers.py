"""Permissions for a version or an alias of a function.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

from ministack.services import lambda_svc

from testing.local_aws.patching import Function, Json, Response, around
from testing.local_aws.refusals import LatestHasNoPolicy


@around(lambda_svc, "_add_permission")
def add_permission(
    original: Function,
    name: str,
    request: Json,
    query: Json | None = None,
    path_qualifier: str | None = None,
) -> Response:
    """Refuse $LATEST: a permission for it must name the function without a qualifier.

    https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    """
    if lambda_svc._qualifier_from_path_or_query(path_qualifier, query) == "$LATEST":
        raise LatestHasNoPolicy
    response: Response = original(name, request, query, path_qualifier)
    return response
