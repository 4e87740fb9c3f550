"""The events that AWS services send to EventBridge. No caller of PutEvents can send them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ministack.services import eventbridge

if TYPE_CHECKING:
    from testing.local_aws.patching import Json


def send(source: str, detail_type: str, detail: Json) -> None:
    """Send an event to the default bus as a service of AWS."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
