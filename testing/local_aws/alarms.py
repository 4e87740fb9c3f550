"""DescribeAlarms returns every field of a CloudWatch alarm."""

from __future__ import annotations

from typing import Any, Final
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from testing.local_aws.patching import Function, Json, Response, around

_SCALARS: Final = (
    "AlarmDescription",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "TreatMissingData",
    "Unit",
)
_LISTS: Final = ("AlarmActions", "OKActions", "InsufficientDataActions")


def _members(alarm: Json) -> str:
    scalars = {name: alarm[name] for name in _SCALARS if alarm.get(name) not in {None, ""}}
    scalars["ActionsEnabled"] = str(alarm["ActionsEnabled"]).lower()
    elements = [f"<{name}>{escape(str(value))}</{name}>" for name, value in scalars.items()]
    for name in _LISTS:
        members = "".join(f"<member>{escape(arn)}</member>" for arn in alarm[name])
        elements.append(f"<{name}>{members}</{name}>")
    dimensions = "".join(
        f"<member><Name>{escape(one['Name'])}</Name><Value>{escape(one['Value'])}</Value></member>"
        for one in alarm["Dimensions"]
    )
    return "".join([*elements, f"<Dimensions>{dimensions}</Dimensions>"])


@around(cloudwatch, "_describe_alarms")
def describe_alarms(original: Function, *request: Any, **protocol: Any) -> Response:
    """Add the fields that MiniStack omits from responses in the Query protocol.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricAlarm.html
    """
    status, headers, body = original(*request, **protocol)
    if headers.get("Content-Type", "").partition(";")[0] not in {"text/xml", "application/xml"}:
        return status, headers, body
    document = body.decode()
    for alarm in cloudwatch._alarms.values():
        identity = f"<AlarmArn>{alarm['AlarmArn']}</AlarmArn>"
        document = document.replace(identity, identity + _members(alarm))
    return status, headers, document.encode()
