"""The behaviours of the local GitHub that a test can change while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Narrowing(StrEnum):
    """The scope of a token, compared with the requested repositories and permissions."""

    HONOURED = "honoured"
    """The token has exactly the requested scope."""
    WIDENED = "widened"
    """The token has the whole scope of the installation."""
    SHORTENED = "shortened"
    """The token is missing the last requested permission and the last requested repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """The current behaviour."""

    limit_status: int = 403
    """The status of both rate limits: 403 or 429."""
    narrowing: Narrowing = Narrowing.HONOURED
    outage: int | None = None
    """Every request returns this status with an HTML page, and has no effect."""
    primary_remaining: int | None = None
    """The number of requests until the primary rate limit applies; None for no limit."""
    primary_reset_seconds: int = 3600
    secondary_limit: bool = False
    secondary_retry_after: int | None = 60
    """The value of Retry-After; None omits the header, as GitHub may."""
    stateless_tokens: bool = True
    """Installation access tokens have the long format, `ghs_APPID_JWT`."""
