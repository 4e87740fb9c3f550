"""The event history of CloudTrail, in which the parameters of a call have AWS's form.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html
https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ministack.core.iam_evaluator import PrincipalInfo, resolve_principal
from ministack.core.responses import get_account_id
from ministack.services import cloudtrail

from testing.local_aws.patching import Function, Json, Response, around, success

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE: Final = 50
_REDACTED: Final = "***REDACTED***"
_TYPES: Final = {"User": "IAMUser"}


@around(cloudtrail, "record_event")
def record_event(original: Function, **call: Any) -> None:
    """Write the names of parameters with a small letter, no secret value, and the caller's ARN."""
    original(**call)
    record = cloudtrail._get_event_queue()[-1]
    event = json.loads(record["CloudTrailEvent"])
    event["requestParameters"] = {
        name[0].lower() + name[1:]: value
        for name, value in (event["requestParameters"] or {}).items()
        if value != _REDACTED
    }
    caller = resolve_principal(call["access_key_id"], get_account_id())
    if isinstance(caller, PrincipalInfo):
        event["userIdentity"] = _identity(caller)
    record["CloudTrailEvent"] = json.dumps(event)


def _identity(caller: PrincipalInfo) -> Json:
    identity = {
        "type": _TYPES.get(caller.type, caller.type),
        "arn": caller.arn,
        "accountId": caller.account,
    }
    if caller.type == "AssumedRole":
        role = caller.arn.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/")
        issuer = {"type": "Role", "arn": role.rpartition("/")[0], "accountId": caller.account}
        identity |= {"sessionContext": {"sessionIssuer": issuer}}
    return identity


@around(cloudtrail._DISPATCH, "LookupEvents")
def lookup_events(original: Function, request: Mapping[str, Any]) -> Response:
    """Return the events of the period in pages, the last one first."""
    queue = cloudtrail._get_event_queue()
    kept, size = list(queue), int(request.get("MaxResults", _PAGE))
    skipped = int(request.get("NextToken", 0))
    found: list[Json] = []
    # The original returns the last events that match. Without these, it returns those before.
    while len(found) <= skipped + size:
        page = json.loads(original(request)[2])["Events"]
        found += page
        known = {one["EventId"] for one in found}
        queue.clear()
        queue.extend(one for one in kept if one["EventId"] not in known)
        if not page:
            break
    queue.clear()
    queue.extend(kept)
    more = {"NextToken": str(skipped + size)} if len(found) > skipped + size else {}
    return success(Events=found[skipped : skipped + size], **more)
