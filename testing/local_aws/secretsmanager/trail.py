"""The events that CloudTrail sends to EventBridge, as in an account that has a trail.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from ministack.core.iam_evaluator import request_caller_arn
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, secretsmanager

from testing.local_aws.patching import OK, Json, Response, around, content

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SOURCE: Final = "secretsmanager.amazonaws.com"
# EventBridge gets no events of calls that only read.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html
_READS: Final = ("BatchGet", "Describe", "Get", "List", "Validate")


def _publish(kind: str, detail: Json) -> None:
    event = {
        "Detail": json.dumps(
            {
                "awsRegion": get_region(),
                "eventSource": _SOURCE,
                "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "recipientAccountId": get_account_id(),
                **detail,
            }
        ),
        "DetailType": f"AWS {kind} via CloudTrail",
        "Source": "aws.secretsmanager",
    }
    eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)


def publish_rotation(name: str, secret: Json) -> None:
    """Send an event about a rotation, for which no one has called the service.

    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/non-api-aws-service-events.html
    """
    # Published examples of these events have the ARN here. AWS documents no example.
    detail = {"additionalEventData": {"SecretId": secret["ARN"]}, "eventType": "AwsServiceEvent"}
    _publish("Service Event", {**detail, "eventName": name})


@around(secretsmanager, "handle_request")
async def handle_request(  # noqa: PLR0913, PLR0917 - MiniStack's signature
    original: Callable[..., Awaitable[Response]],
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],
) -> Response:
    """Send an event about each call that is not a read."""
    response = await original(method, path, headers, body, query)
    name = headers.get("x-amz-target", "").rpartition(".")[2]
    if not name.startswith(_READS):
        found = content(response)
        succeeded = response[0] == OK
        _publish(
            "API Call",
            {
                "eventName": name,
                "eventType": "AwsApiCall",
                "requestParameters": {"secretId": json.loads(body or b"{}").get("SecretId")},
                "responseElements": _elements(found) if succeeded else None,
                "userIdentity": {"arn": request_caller_arn(headers, query)},
                **({} if succeeded else {"errorCode": found.get("__type", "")}),
            },
        )
    return response


def _elements(found: Json) -> Json | None:
    """Return the response as CloudTrail records it; since 2024 the ARN is below "arn".

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html
    """
    names = {name: "arn" if name == "ARN" else name[:1].lower() + name[1:] for name in found}
    return {names[name]: value for name, value in found.items()} or None
