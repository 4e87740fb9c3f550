"""Bedrock as an application asks it, with nothing but its key."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def takes(host: str, api_key: str, certificate: Path | None = None) -> bool:
    """Say whether a key is good for a request.

    Args:
        host: where Bedrock is.
        api_key: the key.
        certificate: what to trust; None: what the process trusts.
    """
    request = urllib.request.Request(
        f"https://{host}/foundation-models", headers={"Authorization": f"Bearer {api_key}"}
    )
    context = ssl.create_default_context(cafile=certificate)
    try:
        with urllib.request.urlopen(request, context=context):  # noqa: S310 -- https
            return True
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != HTTPStatus.FORBIDDEN:
            raise
    return False
