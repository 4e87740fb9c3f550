"""The record of an attempt to issue: what tells an orphan from a credential of somebody else.

It is written before the issuer is asked, as a tag on the secret, so that a try that comes after
a crash can read it. A tag's value has at most 256 characters of a small alphabet
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Tag.html), hence the owner's
digest: an IAM user's name may hold a comma, which a tag may not.
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
# seconds leave room for a disturbed one. Not more: within them a person's key may look like ours.
_SKEW = timedelta(seconds=5)
# Whoever may tag can write a tag. A record of ours begins in a plausible year, so that it can be
# reckoned with, and spans no more than an invocation, within which a person hardly makes a key:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_NONE, _LONGEST = timedelta(), timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to an issuer, which may have been carried out although nobody saw the answer.

    Times are UTC and whole seconds, as an issuer's own are.
    """

    token: str
    owner: str
    started: datetime
    ended: datetime
    present: frozenset[str]

    def may_have_made(self, issued: Issued) -> bool:
        """Say whether this credential appeared while the attempt was under way."""
        return (
            issued.identity not in self.present
            and self.started - _SKEW <= issued.created <= self.ended + _SKEW
        )

    def text(self) -> str:
        """Write the record as the tag's value."""
        times = [time.strftime(TIME_FORMAT) for time in (self.started, self.ended)]
        return " ".join([self.token, self.owner, *times, *sorted(self.present)])

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read a tag's value; what this module did not write is no record."""
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
    """Shorten an owner to what a tag can hold; it is only ever compared."""
    return hashlib.sha256(owner.encode()).hexdigest()[:16]
