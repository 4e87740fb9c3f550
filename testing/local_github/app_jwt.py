"""Verifies the JSON web token of a GitHub App, with GitHub's rules and error messages.

https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from testing.local_github.exchange import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from testing.local_github.description import Json
    from testing.local_github.exchange import RefusedError
    from testing.local_github.records import App

_LONGEST_SECONDS: Final = 600

_UNDECODED: Final = "A JSON web token could not be decoded"
_EXPIRY: Final = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
    "which the assertion expires"
)
_EXPIRY_TOO_FAR: Final = "'Expiration time' claim ('exp') is too far in the future"
_ISSUED_AT: Final = (
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was "
    "issued"
)


def signer(token: str, apps: Iterable[App], now: datetime) -> App:
    """Return the App that signed a token that is valid now.

    Raises:
        RefusedError: GitHub would reject the token.
    """
    try:
        signed, _, signature = token.rpartition(".")
        header, claims = (_decode(part) for part in signed.split("."))
        if header.get("alg") != "RS256":
            raise refusal(401, _UNDECODED)
        issuers = {str(app.id): app for app in apps} | {app.client_id: app for app in apps}
        app = issuers.get(str(claims.get("iss")))
        if app is None:
            raise refusal(404, "Integration not found")
        if app.public_key is None:
            raise refusal(401, "Integration must generate a public key")
        app.public_key.verify(
            _bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, ValueError) as error:
        raise refusal(401, _UNDECODED) from error
    if invalid := _time_error(claims, int(now.timestamp())):
        raise invalid
    return app


def _time_error(claims: Json, now: int) -> RefusedError | None:
    expiry, issued_at = claims.get("exp"), claims.get("iat")
    if not isinstance(expiry, int) or expiry <= now:
        return refusal(401, _EXPIRY)
    if expiry > now + _LONGEST_SECONDS:
        return refusal(401, _EXPIRY_TOO_FAR)
    if not isinstance(issued_at, int) or issued_at > now:
        return refusal(401, _ISSUED_AT)
    return None


def _bytes(part: str) -> bytes:
    if "=" in part:
        raise binascii.Error
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _decode(part: str) -> Json:
    decoded = json.loads(_bytes(part))
    return decoded if isinstance(decoded, dict) else {}
