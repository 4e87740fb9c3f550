"""Output of a function reaches its log group only if the function's role may write there."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any, Final

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

from testing.local_aws.functions.role import role_may
from testing.local_aws.patching import Function, Json, around

_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def _level(record: Json) -> str:
    """Return a record's level: as in Lambda, INFO unless the record has a level and a timestamp.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
    """
    try:
        datetime.fromisoformat(str(record.get("timestamp")))
    except ValueError:
        return "INFO"
    level = str(record.get("level")).upper()
    return level if level in _LEVELS else "INFO"


def _is_wanted(line: str, least: str) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return True
    return not isinstance(record, dict) or _LEVELS.index(_level(record)) >= _LEVELS.index(least)


@around(lambda_svc, "_emit_lambda_logs")
def emit_lambda_logs(
    original: Function, function: Json, request_id: str, text: str, *details: Any, **options: Any
) -> None:
    """Write the log only if the role allows it, and only at the configured level.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html#monitoring-cloudwatchlogs-prereqs
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
    """
    config = function.get("config") or function
    logging = config.get("LoggingConfig") or {}
    group = logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"
    required = {
        "logs:CreateLogStream": f"{group}:log-stream:",
        "logs:PutLogEvents": f"{group}:log-stream:{stream}",
    }
    if group not in cloudwatch_logs._log_groups:
        required["logs:CreateLogGroup"] = f"{group}:log-stream:"
    logs = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:"
    if not all(role_may(config, action, logs + resource) for action, resource in required.items()):
        return
    if logging.get("LogFormat") == "JSON":
        least = logging.get("ApplicationLogLevel") or "INFO"
        text = "\n".join(line for line in text.splitlines() if _is_wanted(line, least))
    original(function, request_id, text, *details, **options)
