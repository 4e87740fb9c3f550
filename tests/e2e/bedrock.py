"""Calls Bedrock as an application does, with only its API key."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def accepts(host: str, api_key: str, certificate: Path | None = None) -> bool:
    """Return whether Bedrock accepts a key.

    Args:
        host: the host name of Bedrock.
        api_key: the key.
        certificate: the certificate to trust; None: those that the process trusts.
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
