"""Gives up a rotation that cannot end, when the watcher requests it.

While another version than the current one is AWSPENDING, no new rotation starts
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html). The value of
that version never changes. If it can never work, no further rotation succeeds. Without the label,
the next rotation begins with a new version.

Nothing but the label goes. A finishSecret that Lambda still runs may promote the version in the
same moment. So its credential ends with the next rotation, as that of one given up by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rotation.attempt import Attempt
from rotation.errors import CredentialRejected, GivenUp, NotYet, RotationError
from rotation.proof import LAG, accepts
from rotation.secret import Stage
from rotation.strategy import Issuer, Replacer, Setter

if TYPE_CHECKING:
    from rotation.ownership import Stored
    from rotation.pending import Pending
    from rotation.secret import Description


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GivingUp:
    """The end of one rotation that is stuck."""

    pending: Pending
    # How old the version of the rotation must be.
    after: timedelta

    def run(self) -> None:
        """Remove AWSPENDING, if nothing is lost with it. Otherwise there is nothing to do.

        Raises:
            GivenUp: The label was removed.
            NotYet: Another invocation may still store a credential.
            CredentialRejected: The service rejects the current credential, so the pending one may
                be the only one that works.
        """
        secret, token = self.pending.secret, self.pending.token
        description = secret.describe()
        if description.holder(Stage.PENDING) != token:
            return
        version = secret.read(token)
        created = version.created if version else secret.versions().get(token)
        if created is None or self.pending.clock.now() < created + self.after:
            return
        current = self.pending.current(description)
        # The pending value may be current, or the only one.
        if current is None and version is not None:
            return
        self._require_idle(description)
        self._require_accepted(current)
        secret.cancel(token)
        try:
            # Another delivery may have replaced the current credential in the meantime.
            self._require_accepted(current)
        except RotationError as error:
            failure = error
        else:
            raise self._given_up()
        secret.resume(token)
        raise failure

    def _given_up(self) -> GivenUp:
        hours = self.after / timedelta(hours=1)
        return GivenUp(
            f"The rotation of {self.pending.secret.arn} to version {self.pending.token} has not "
            f"ended for {hours:.0f} h and was given up. The current value is unchanged. The next "
            "rotation begins with a new version, and ends a credential that this one has issued. "
            "Find the cause in this log, then start it with RotateSecret, or wait for the schedule."
        )

    def _require_idle(self, description: Description) -> None:
        """Check that no invocation may still store what it has issued."""
        attempt = description.record
        if not isinstance(attempt, Attempt) or attempt.token != self.pending.token:
            return
        now, until = self.pending.clock.now(), attempt.lease + LAG
        if now < until:
            raise NotYet.attempt(
                owner=self.pending.strategy.owner, until=until, pause=(until - now).total_seconds()
            )

    def _require_accepted(self, current: Stored | None) -> None:
        strategy = self.pending.strategy
        if current is None or not isinstance(strategy, Setter | Replacer | Issuer):
            return
        if not accepts(strategy, current.credential):
            raise CredentialRejected(
                owner=current.credential.owner,
                identity=current.credential.identity,
                cure=f"It is current. The rotation to version {self.pending.token} was not given "
                "up, because its credential may be the only one that works. Find out who changed "
                "the current one, then rotate again.",
            )
