"""What a function writes reaches its log group only if its role may write there."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

from dev.local_aws.seam import Function, Json, around


def _allowed(config: Json, action: str, resource: str) -> bool:
    credentials = lambda_runtime.execution_credentials(config)
    arn = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{resource}"
    return not iam_evaluator.enforce(
        credentials["AWS_ACCESS_KEY_ID"], action, "logs", get_region(), resource_arn=arn
    )


@around(lambda_svc, "_emit_lambda_logs")
def emit_lambda_logs(original: Function, function: Json, *details: Any, **options: Any) -> None:
    """Write as the function's role would.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    """
    config = function.get("config") or function
    logging = config.get("LoggingConfig") or {}
    group = logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
    needed = {
        "logs:CreateLogStream": f"{group}:log-stream:",
        "logs:PutLogEvents": f"{group}:log-stream:{stream}",
    }
    if group not in cloudwatch_logs._log_groups:
        needed["logs:CreateLogGroup"] = f"{group}:log-stream:"
    if all(_allowed(config, action, resource) for action, resource in needed.items()):
        original(function, *details, **options)
