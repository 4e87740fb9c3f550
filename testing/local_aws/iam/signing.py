"""The condition keys of a kms:Sign request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ministack.core import iam_actions

from testing.local_aws.patching import around

if TYPE_CHECKING:
    from testing.local_aws.patching import Function, Json

_KEYS: Final = {
    "kms:MessageType": "MessageType",
    "kms:SigningAlgorithm": "SigningAlgorithm",
}


@around(iam_actions, "request_tag_context")
def request_context(
    original: Function, service: str, action: str, body: bytes, parameters: object
) -> Json:
    """Add the message type and the signing algorithm to the context of the request.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-signing-algorithm
    """
    context: Json = dict(original(service, action, body, parameters))
    if action != "kms:Sign":
        return context
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html: RAW is the default.
    request: Json = {"MessageType": "RAW", **json.loads(body or b"{}")}
    return context | {key: request[name] for key, name in _KEYS.items() if name in request}
