"""Issues a credential: makes room, records the attempt, asks the issuer once, and stores it.

Every refusal comes before the first change. A crash at any point leaves something that the retry
can find: the record of the attempt, the mark of a credential, or the stored version.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rotation.attempt import Attempt, digest
from rotation.aws import LONGEST_ATTEMPT_SECONDS, LONGEST_CALL_SECONDS
from rotation.errors import AlreadyStored, ForeignCredential, RotationError, TooSoon
from rotation.fields import kept_fields
from rotation.ownership import Facts, Marked, Recorded, parse_ours, sort_out
from rotation.proof import prove
from rotation.secret import Stage
from rotation.strategy import Credential, Issued

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from rotation.event import Event
    from rotation.ownership import Claims, Stored
    from rotation.proof import Clock
    from rotation.secret import Description, Secret, Version
    from rotation.strategy import Issuer

# To issue (once) and to store (with retries), if both take as long as they can. Nothing is issued
# with less time left, so that an issued credential is never lost to the timeout.
STORING_SECONDS = LONGEST_ATTEMPT_SECONDS + LONGEST_CALL_SECONDS
# To record an attempt (with retries) and to issue (once). An operator's credential that is made
# within this time may look like ours, so it does not grow with the function's timeout.
_ASKING_SECONDS = LONGEST_CALL_SECONDS + LONGEST_ATTEMPT_SECONDS
# How long an issuer's list may lag behind. AWS promises no figure
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency);
# OFFENSAI measured 3 to 4 s in 2025. The shortest timeout that a plan allows has room for it.
_LISTING_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Issuing:
    """The issuing of one credential, in one createSecret step."""

    secret: Secret
    issuer: Issuer
    event: Event
    description: Description
    # The version that is AWSCURRENT, unless it is that of this rotation.
    current: Stored | None
    clock: Clock
    # How long a credential stays valid after its successor became current.
    minimum_overlap: timedelta

    def run(self) -> bool:
        """Issue a credential and store it; False: another delivery of this step has stored one.

        Raises:
            RotationError: One of its classes. The retry finds what was done so far.
        """
        earlier = self._earlier_attempt()
        held = self._list(earlier)
        mark = f"{self._prefix()}{self.event.token}"
        # A credential with this mark is an orphan, unless another delivery has stored it by now.
        if any(one.mark == mark for one in held) and self.secret.read(self.event.token):
            return False
        removable = self._removable(held, earlier)
        self._require_time()
        for issued, credential in removable:
            self.issuer.retire(issued, credential)
        removed = [issued for issued, _ in removable]
        if earlier and any(earlier.may_have_made(one) for one in removed):
            # The attempt made that credential and no other.
            earlier = None
        attempt = self._attempt(held, removed)
        self._record(attempt)
        credential = self._issue(mark, earlier)
        if self.current is None:
            prove(self.issuer, credential, clock=self.clock, reserve=STORING_SECONDS)
        self._store(credential, attempt)
        return True

    def _earlier_attempt(self) -> Attempt | None:
        """Return what an earlier try for this owner recorded. It made nothing after this moment."""
        attempt = self.description.attempt
        if attempt is None or attempt.owner != self._owner_digest():
            return None
        ended = max(attempt.started, min(attempt.ended, self.clock.now()))
        return replace(attempt, ended=ended)

    def _list(self, earlier: Attempt | None) -> Sequence[Issued]:
        """List the owner's credentials, once the list must show what an earlier try made.

        An orphan that the list does not show yet would become foreign: the new record replaces the
        one that explains it. One record for both tries would need no wait. But it would span the
        time of all tries, and an operator's key made in that time could be taken for an orphan.
        """
        held = self.issuer.inventory()
        if earlier is None:
            return held
        if self.current and earlier.token == self.current.version.version_id:
            return held
        until = earlier.ended + timedelta(seconds=_LISTING_SECONDS)
        lag = (until - self.clock.now()).total_seconds()
        if lag <= 0 or any(earlier.may_have_made(one) for one in held):
            return held
        self._require_time(lag)
        self.clock.sleep(lag)
        return self.issuer.inventory()

    def _removable(
        self, held: Sequence[Issued], earlier: Attempt | None
    ) -> list[tuple[Issued, Credential | None]]:
        """Return the credentials to retire, each with its value if a version has it.

        Raises:
            ForeignCredential: Credentials that are not ours leave no room.
            TooSoon: Applications may still use a credential that leaves no room.
        """
        claims = self._claims(held, earlier)
        slots = self.issuer.slots
        taken = len(claims.foreign) + sum(one.identity in claims.kept for one in held)
        if slots is not None and claims.foreign and taken >= slots:
            raise ForeignCredential(
                owner=self.issuer.owner,
                identities=claims.foreign,
                adopt_with=self.issuer.adopt_with,
            )
        published = [one for one in held if one.identity in claims.ours]
        if published and self.current:
            until = self._overlap_end(self.current)
            if self.clock.now() < until:
                if slots is not None:
                    raise TooSoon(identities=[one.identity for one in published], until=until)
                # There is room: they stay until the next rotation.
                published = []
        orphans = [one for one in held if one.identity in claims.orphans]
        return [(one, claims.ours.get(one.identity)) for one in published + orphans]

    def _claims(self, held: Sequence[Issued], earlier: Attempt | None) -> Claims:
        """Decide whose each credential is. Read versions only while they may explain one."""
        facts = Facts(
            held=held,
            current=self.current,
            adopted=self.issuer.adopted,
            evidence=Marked(prefix=self._prefix())
            if self.issuer.slots is None
            else Recorded(attempt=earlier),
        )
        claims = sort_out(facts)
        for version in self._other_versions() if claims.unexplained() else ():
            credential = parse_ours(self.issuer, version)
            facts = facts.with_version(version.version_id, credential)
            claims = sort_out(facts)
            if not claims.unexplained():
                break
        return claims

    def _other_versions(self) -> Iterator[Version]:
        """Read the other versions one by one, the most likely first."""
        known = {self.event.token}
        if self.current:
            known.add(self.current.version.version_id)
        previous = self.description.holder(Stage.PREVIOUS)
        if previous is not None:
            yield from self._values([previous])
        # Also versions without a label: a cancelled rotation leaves one.
        others = self.secret.version_ids()
        yield from self._values(one for one in others if one not in {previous, *known})

    def _values(self, version_ids: Iterable[str]) -> Iterator[Version]:
        for version_id in version_ids:
            version = self.secret.read(version_id)
            if version is not None:
                yield version

    def _overlap_end(self, current: Stored) -> datetime:
        times = (self.description.last_rotated, current.version.created)
        return max(filter(None, times)) + self.minimum_overlap

    def _attempt(self, held: Sequence[Issued], removed: Sequence[Issued]) -> Attempt:
        now = self.clock.now()
        present = {one.identity for one in held} - {one.identity for one in removed}
        # The list may not show the current one yet, if someone rotates twice within seconds.
        if self.current:
            present.add(self.current.credential.identity)
        return Attempt(
            token=self.event.token,
            owner=self._owner_digest(),
            started=now,
            ended=now + timedelta(seconds=_ASKING_SECONDS),
            present=frozenset(present),
        )

    def _record(self, attempt: Attempt | None) -> None:
        """Record the attempt on the secret, if the issuer limits its credentials."""
        if self.issuer.slots is not None:
            self.secret.record(attempt)

    def _issue(self, mark: str, earlier: Attempt | None) -> Credential:
        try:
            # Making room and recording took time.
            self._require_time()
            return self.issuer.issue(mark)
        except RotationError as error:
            failure = error
        # If the answer was lost, the retry needs the record. A definite refusal made nothing, so
        # the earlier record is restored: the slot may be taken by the key that it explains, which
        # the list does not show yet.
        if not failure.answer_lost:
            self._record(earlier)
        raise failure

    def _store(self, credential: Credential, attempt: Attempt) -> None:
        token, rotation_token = self.event.token, self.event.rotation_token
        with suppress(AlreadyStored):
            kept = kept_fields(self.issuer, self.current, credential.value)
            self.secret.put(token, credential.value, kept=kept, rotation_token=rotation_token)
            return
        # Another delivery of this step was faster. No retry would find our credential: the value
        # that the other one stored settles the record.
        issued = Issued(
            identity=credential.identity, owner=credential.owner, created=attempt.started
        )
        self.issuer.retire(issued, credential)

    def _require_time(self, extra: float = 0) -> None:
        """Check that there is time to issue and to store, after that many more seconds.

        AWS makes the first value of a secret AWSCURRENT as soon as it is stored. So it must be
        proven before that, which takes time too.
        """
        proving = 0 if self.current else self.issuer.settling_seconds
        self.clock.require(STORING_SECONDS + proving + extra, self.event.step)

    def _prefix(self) -> str:
        """Return the beginning of all marks of this secret."""
        return f"{digest(self.secret.arn)}-"

    def _owner_digest(self) -> str:
        return digest(f"{type(self.issuer).__name__} {self.issuer.owner}")
