"""What a request about logs names: a stream of a group, or the group with all of its streams.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions

from testing.local_aws.patching import Function, Json, around


@around(iam_actions, "extract_resource_arn")
def extract_resource_arn(original: Function, service: str, *request: Any) -> str:
    """Name the stream behind its group."""
    named = str(original(service, *request))
    asked: Json = json.loads(request[3] or b"{}") if service == "logs" else {}
    # The actions about tags name a group by its ARN, without its streams.
    if "logGroupName" not in asked:
        return named
    return f"{named}:log-stream:{asked.get('logStreamName', '')}"
