"""PutSecretValue removes old versions without a staging label, and fails at a quota of versions."""

from __future__ import annotations

import time
from typing import Final

from ministack.services import secretsmanager

from testing.local_aws.patching import OK, Handler, Json, Response, around, find_secret
from testing.local_aws.refusals import TooManyVersions
from testing.local_aws.switches import Current

_KEPT: Final = 100


@around(secretsmanager, "_put_secret_value")
def put_secret_value(original: Handler, request: Json) -> Response:
    """Keep the last hundred versions without a label, and all that are less than a day old.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html

    Raises:
        Refused: The secret has as many versions as it may have.
    """
    quota = Current.switches.version_quota
    kept = find_secret(request)["Versions"]
    if quota and len(kept) >= quota and request.get("ClientRequestToken") not in kept:
        raise TooManyVersions(most=quota)
    response = original(request)
    if response[0] == OK:
        versions = find_secret(request)["Versions"]
        # The dictionary is in the order of creation.
        unlabelled = [one for one, version in versions.items() if not version["Stages"]]
        oldest = time.time() - Current.switches.version_retention_seconds
        for one in unlabelled[:-_KEPT]:
            if versions[one]["CreatedDate"] < oldest:
                del versions[one]
    return response
