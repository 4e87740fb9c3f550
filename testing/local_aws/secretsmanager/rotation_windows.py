"""Secrets Manager rotates secrets by their own schedules, while a test has moved its clock.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from __future__ import annotations

import asyncio
from typing import Final

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import secretsmanager

from testing.local_aws.patching import Handler, Json, Response, around
from testing.local_aws.secretsmanager.rotation import start_scheduled_rotation
from testing.local_aws.secretsmanager.rotation_schedule import is_due, plan_rotation
from testing.local_aws.switches import Current

_TICK_SECONDS: Final = 0.1

_watching: list[asyncio.Task[None]] = []


def _rotate_due() -> None:
    for (account_id, region, _), secret in list(secretsmanager._secrets._data.items()):
        if secret.get("DeletedDate") or not is_due(secret):
            continue
        set_request_account_id(account_id)
        set_request_region(region)
        plan_rotation(secret)
        if secret.get("OwningService"):
            secretsmanager._rotate_secret({"SecretId": secret["ARN"]})
        else:
            start_scheduled_rotation(secret)


async def _watch() -> None:
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        # Without a moved clock, a test must not see a rotation because it runs at midnight.
        if Current.switches.rotation_seconds_ahead:
            _rotate_due()


@around(secretsmanager, "_rotate_secret")
def rotate_secret(original: Handler, request: Json) -> Response:
    """Watch the schedules as soon as there is one.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
    """
    if not _watching:
        _watching.append(asyncio.get_running_loop().create_task(_watch()))
    return original(request)
