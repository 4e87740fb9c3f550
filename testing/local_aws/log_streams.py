"""The resource of a CloudWatch Logs request: a log stream, or a log group with all its streams.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions

from testing.local_aws.patching import Function, Json, around


@around(iam_actions, "extract_resource_arn")
def extract_resource_arn(original: Function, service: str, *request: Any) -> str:
    """Append the log stream to the ARN of its group."""
    arn = str(original(service, *request))
    parameters: Json = json.loads(request[3] or b"{}") if service == "logs" else {}
    # Tagging actions name a group by its ARN, without its streams.
    if "logGroupName" not in parameters:
        return arn
    return f"{arn}:log-stream:{parameters.get('logStreamName', '')}"
