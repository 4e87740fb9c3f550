"""Secrets Manager removes old versions without a label."""

from __future__ import annotations

import time
from typing import Final

from ministack.services import secretsmanager

from testing.local_aws.patching import OK, Answer, Handler, Json, around, find_secret
from testing.local_aws.switches import Current

_KEPT: Final = 100


@around(secretsmanager, "_put_secret_value")
def put_secret_value(original: Handler, request: Json) -> Answer:
    """Keep a hundred of the versions without a label, and all that are a day old at most.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
    """
    answer = original(request)
    if answer[0] == OK:
        versions = find_secret(request)["Versions"]
        # In the order in which they were made.
        unlabelled = [one for one, version in versions.items() if not version["Stages"]]
        least = time.time() - Current.switches.version_retention_seconds
        for one in unlabelled[:-_KEPT]:
            if versions[one]["CreatedDate"] < least:
                del versions[one]
    return answer
