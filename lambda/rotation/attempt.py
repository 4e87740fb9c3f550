"""The record in the secret's tag: an attempt to issue a credential, or a rollback.

The record of an attempt shows which credential is an orphan. It is written before the issuer is
called, so that a retry after a crash can read it. A tag's value has at most 256 characters of a
small alphabet
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html). So it has a digest of
the owner, whose name may have a comma or be long.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from rotation.response import PLAUSIBLE_YEARS, TIME_FORMAT, parse_time

if TYPE_CHECKING:
    from datetime import datetime

    from rotation.strategy import Issued

TAG = "rotation-attempt"
NO_RECORD = "none"

# How far an issuer's clock may be from the function's. Both follow NTP, within milliseconds; five
# seconds leave room for a wrong one. Not more: within them an operator's key may look like ours.
SKEW = timedelta(seconds=5)
# The longest invocation: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LONGEST = timedelta(minutes=15)

_ROLLBACK: Final = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to an issuer, which may have been carried out although its answer was lost.

    Times are UTC and whole seconds, like those of an issuer.
    """

    token: str
    owner: str
    started: datetime
    # A credential that was created later is not from this attempt.
    ended: datetime
    # Until when the invocation may store a credential. It stores none after that.
    lease: datetime
    present: frozenset[str]

    def may_have_made(self, issued: Issued) -> bool:
        """Say whether this credential was created during the attempt."""
        return (
            issued.identity not in self.present
            and self.started - SKEW <= issued.created <= self.ended + SKEW
        )

    def over(self, now: datetime) -> Self:
        """Return the record of the same attempt, which has failed and stores nothing."""
        now = max(self.started, now.replace(microsecond=0))
        return replace(self, ended=min(self.ended, now), lease=min(self.lease, now))

    def text(self) -> str:
        """Return the record as the tag's value."""
        ended, lease = (int((t - self.started).total_seconds()) for t in (self.ended, self.lease))
        time = f"{self.started.strftime(TIME_FORMAT)}+{ended}+{lease}"
        return " ".join([self.token, self.owner, time, *sorted(self.present)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """AWSCURRENT was moved back to an older version, and the function has noticed it."""

    # The version that was current, which is AWSPREVIOUS now.
    version_id: str
    seen: datetime

    def text(self) -> str:
        """Return the record as the tag's value."""
        return " ".join([_ROLLBACK, self.version_id, self.seen.strftime(TIME_FORMAT)])


Record: TypeAlias = Attempt | Rollback


def parse(text: str) -> Record | None:
    """Parse a tag's value; None: this module did not write it.

    A record starts in a plausible year, so that adding a duration cannot overflow, and is not
    longer than an invocation.
    """
    words = text.split(" ")
    if len(words) < 3:  # noqa: PLR2004 -- each record has at least three words
        return None
    first, second, times, *present = words
    if first == _ROLLBACK:
        seen = _plausible(times)
        return Rollback(version_id=second, seen=seen) if seen else None
    started_at, *numbers = times.split("+")
    started = _plausible(started_at)
    lengths = [timedelta(seconds=int(n)) for n in numbers if re.fullmatch("[0-9]{1,3}", n)]
    if started is None or len(lengths) != 2 or max(lengths) > LONGEST:  # noqa: PLR2004 -- ended, lease
        return None
    ended, lease = (started + length for length in lengths)
    return Attempt(
        token=first,
        owner=second,
        started=started,
        ended=ended,
        lease=lease,
        present=frozenset(present),
    )


def _plausible(text: str) -> datetime | None:
    time = parse_time(text)
    return time if time and time.year in PLAUSIBLE_YEARS else None


def digest(owner: str) -> str:
    """Shorten a text to fit into a tag; digests are only compared."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
