"""CloudWatch alarms, described in full."""

from __future__ import annotations

from typing import Any, Final
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from testing.local_aws.patching import Answer, Function, Json, around

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
    written = [f"<{name}>{escape(str(held))}</{name}>" for name, held in scalars.items()]
    for name in _LISTS:
        members = "".join(f"<member>{escape(held)}</member>" for held in alarm[name])
        written.append(f"<{name}>{members}</{name}>")
    dimensions = "".join(
        f"<member><Name>{escape(held['Name'])}</Name><Value>{escape(held['Value'])}</Value></member>"
        for held in alarm["Dimensions"]
    )
    return "".join([*written, f"<Dimensions>{dimensions}</Dimensions>"])


@around(cloudwatch, "_describe_alarms")
def describe_alarms(original: Function, *request: Any, **protocol: Any) -> Answer:
    """Write what PutMetricAlarm was given; the Query protocol's answer left most of it out.

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
