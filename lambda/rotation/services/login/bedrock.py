"""Amazon Bedrock's API, which accepts an API key."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rotation.response import Response
from rotation.services import login
from rotation.services.https import parse_json

if TYPE_CHECKING:
    from rotation.services.https import Send


def log_in(send: Send, endpoint: str, *, api_key: str) -> None:
    """List the models.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html

    Raises:
        RejectedError: Bedrock rejects the key.
        ServiceUnavailable: No usable reply arrived.
        ProtocolError: The reply is not as documented.
    """
    action = "Bedrock's GET /foundation-models"
    url = f"https://{endpoint}/foundation-models"
    headers = {"Accept": "application/json", "Authorization": f"Bearer {api_key}"}
    reply = login.request(action, endpoint, partial(send, "GET", url, headers=headers, body=None))
    Response(parse_json(reply), action=action, resource=endpoint).parts("modelSummaries")
