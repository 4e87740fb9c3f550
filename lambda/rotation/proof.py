"""The time that an invocation has left, and the proof that a credential works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rotation.errors import CredentialRejected, OutOfTime, RotationError, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotation.strategy import Credential, Issuer, Replacer, Setter

# How long a read may show an earlier state. AWS promises no figure; 3 to 4 s were measured in 2025.
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#troubleshoot_general
LAG = timedelta(seconds=10)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The time, and how many seconds of the invocation are left."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    left: Callable[[], float]

    def until(self, end: datetime) -> Clock:
        """Return a clock of which no time is left after the end."""
        return replace(self, left=lambda: min(self.left(), (end - self.now()).total_seconds()))

    def require(self, seconds: float, step: str) -> None:
        """Check that the invocation has enough time left for what comes next.

        Raises:
            OutOfTime: It has not.
        """
        left = self.left()
        if left < seconds:
            raise OutOfTime(step=step, needed=seconds, left=left)


def accepts(strategy: Setter | Replacer | Issuer, credential: Credential) -> bool:
    """Say whether the service accepts a credential now. Every other error is raised."""
    try:
        strategy.verify(credential)
    except CredentialRejected:
        return False
    return True


def prove(
    issuer: Issuer, credential: Credential, *, clock: Clock, settling_seconds: float, reserve: float
) -> None:
    """Wait until the service has accepted a credential for some time without a rejection.

    One acceptance is not enough: a service has several servers, which learn about a new credential
    at different times.

    Args:
        issuer: verifies the credential.
        credential: the new credential.
        clock: the time.
        settling_seconds: how long the service must accept it; 0: once is enough.
        reserve: how many seconds must be left afterwards.

    Raises:
        CredentialRejected: The service still rejected it when the time was over.
        ServiceUnavailable: The service gave no usable response when the time was over.
        OutOfTime: The settling time is longer than the time that was left.
    """
    pause = _FIRST_PAUSE_SECONDS
    settling = timedelta(seconds=settling_seconds)
    accepted_since: datetime | None = None
    while True:
        failure: RotationError | None = None
        try:
            issuer.verify(credential)
        except CredentialRejected as error:
            failure = error
        except ServiceUnavailable as error:
            failure = error
            pause = max(pause, error.pause or 0)
        now = clock.now()
        accepted_since = None if failure else accepted_since or now
        if accepted_since is not None and now - accepted_since >= settling:
            return
        left = clock.left() - reserve
        if left < pause and failure is not None:
            raise failure
        if left < pause:
            raise OutOfTime(step="Verifying the new credential", needed=settling_seconds, left=left)
        clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
