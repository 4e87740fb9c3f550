"""The record of an attempt to issue a credential. It shows which credential is an orphan.

It is written as a tag on the secret before the issuer is called, so that a retry after a crash can
read it. A tag's value has at most 256 characters of a small alphabet
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html). So it has a digest of
the owner, whose name may have a comma or be long.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from rotation.response import PLAUSIBLE_YEARS, TIME_FORMAT

if TYPE_CHECKING:
    from rotation.strategy import Issued

TAG = "rotation-attempt"
NO_ATTEMPT = "none"

# How far an issuer's clock may be from the function's. Both follow NTP, within milliseconds; five
# seconds leave room for a wrong one. Not more: within them an operator's key may look like ours.
_SKEW = timedelta(seconds=5)
# Everyone who may tag the secret can write this tag. Ours starts in a plausible year, so that
# adding a duration cannot overflow, and is not longer than an invocation:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_NONE, _LONGEST = timedelta(), timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to an issuer, which may have been carried out although its answer was lost.

    Times are UTC and whole seconds, like those of an issuer.
    """

    token: str
    owner: str
    started: datetime
    ended: datetime
    present: frozenset[str]

    def may_have_made(self, issued: Issued) -> bool:
        """Say whether this credential was created during the attempt."""
        return (
            issued.identity not in self.present
            and self.started - _SKEW <= issued.created <= self.ended + _SKEW
        )

    def text(self) -> str:
        """Return the record as the tag's value."""
        times = [time.strftime(TIME_FORMAT) for time in (self.started, self.ended)]
        return " ".join([self.token, self.owner, *times, *sorted(self.present)])

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse a tag's value; None: this module did not write it."""
        token, *rest = text.split(" ")
        try:
            owner, *times = rest[:3]
            started, ended = (datetime.strptime(t, TIME_FORMAT).replace(tzinfo=UTC) for t in times)
        except ValueError:
            return None
        if started.year not in PLAUSIBLE_YEARS or not _NONE <= ended - started <= _LONGEST:
            return None
        return cls(
            token=token, owner=owner, started=started, ended=ended, present=frozenset(rest[3:])
        )


def digest(owner: str) -> str:
    """Shorten a text to fit into a tag; digests are only compared."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
