"""What a test sets while the local GitHub runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Narrowing(StrEnum):
    """What comes of the repositories and permissions that a token is asked to be narrowed to."""

    HONOURED = "honoured"
    WIDENED = "widened"
    """The token gets all that the installation has."""
    SHORTENED = "shortened"
    """The token lacks the last of the permissions and of the repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How it behaves, from now on."""

    limit_status: int = 403
    """Of both rate limits: 403 or 429."""
    narrowing: Narrowing = Narrowing.HONOURED
    outage: int | None = None
    """Every request is answered with this status and a page of HTML, and nothing is done."""
    primary_remaining: int | None = None
    """So many requests are answered until the limit is reset; None: more than any test makes."""
    primary_reset_seconds: int = 3600
    secondary_limit: bool = False
    secondary_retry_after: int | None = 60
    """None: the answer has no such header, which GitHub allows."""
    stateless_tokens: bool = True
    """Installation tokens have the long format, `ghs_APPID_JWT`."""
