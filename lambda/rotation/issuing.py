"""Issues a credential: makes room, records the attempt, asks the issuer once, and stores it.

Every refusal comes before the first change. A crash at any point leaves something that the retry
can find: the record of the attempt, the mark of a credential, or the stored version.

Two invocations may run at the same time. So the record has a lease: its invocation stores nothing
after that, and no other one deletes what it may have made before that.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from rotation.attempt import LONGEST, SKEW, Attempt, Rollback, digest
from rotation.aws import LONGEST_ATTEMPT_SECONDS, LONGEST_CALL_SECONDS, STORING_SECONDS
from rotation.errors import (
    AlreadyStored,
    ForeignCredential,
    NotYet,
    RotationError,
    TooSoon,
)
from rotation.ownership import Facts, Marked, Recorded, kept_fields, parse_ours, sort_out
from rotation.proof import LAG, accepts, prove
from rotation.secret import Stage
from rotation.strategy import Credential, Issued

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from rotation.event import Event
    from rotation.ownership import Claims, Stored
    from rotation.proof import Clock
    from rotation.secret import Description, Secret, Version
    from rotation.strategy import Issuer

# To record an attempt (with retries) and to issue (once). An operator's credential that is made
# within this time may look like ours, so it does not grow with the function's timeout.
_ASKING_SECONDS = LONGEST_CALL_SECONDS + LONGEST_ATTEMPT_SECONDS
# How long the proof of a first value may take, after the settling time. "It can take some time":
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency
_LEARNING_SECONDS = 60
# After how long labels that changed are read again.
_LABELS_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Found:
    """All that the engine reads before the first change."""

    held: Sequence[Issued]
    # The version that is AWSPREVIOUS, if it may explain a credential.
    previous: Version | None
    description: Description
    earlier: Attempt | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Issuing:
    """The issuing of one credential, in one createSecret step."""

    secret: Secret
    issuer: Issuer
    event: Event
    # Reads the labels and the record. It refuses a token whose rotation is over.
    describe: Callable[[], Description]
    # The version that is AWSCURRENT.
    current: Stored | None
    clock: Clock
    # When the invocation began.
    began: datetime
    # How long a credential stays valid after its successor became current.
    minimum_overlap: timedelta
    # Whether a responder has requested to end older credentials before that.
    revokes: Callable[[Description], bool]

    def run(self) -> None:
        """Issue a credential and store it.

        Raises:
            RotationError: One of its classes. The retry finds what was done so far.
        """
        found = self._look()
        published, orphans = self._removable(found)
        self._require_time(self.clock)
        earlier = found.earlier
        if orphans:
            for issued in orphans:
                self.issuer.retire(issued, None)
            # The attempt made that credential and no other.
            earlier = None
            now, before = self.describe(), found.description
            if (now.record, now.stages) != (before.record, before.stages):
                raise NotYet.labels(secret=self.secret.arn, pause=_LABELS_SECONDS)
        attempt = self._begin(found.held, [*published, *orphans])
        credential: Credential | None = None
        try:
            attempt = self._with_newcomers(attempt, found.held)
            for issued, value in published.items():
                self.issuer.retire(issued, value)
            # Recording and making room took time.
            clock = self.clock.until(attempt.lease)
            self._require_time(clock)
            clock.until(attempt.ended).require(LONGEST_ATTEMPT_SECONDS, self.event.step)
            credential = self.issuer.issue(f"{_prefix(self.secret.arn)}{self.event.token}")
            self._store(credential, clock)
        except RotationError as error:
            failure = error
        else:
            return
        # A definite refusal made nothing, so the earlier record is restored: the slot may be taken
        # by the key that it explains, which the list does not show yet. Otherwise the retry needs
        # this record, and it need not wait for the lease.
        made_nothing = credential is None and not failure.answer_lost
        with suppress(RotationError):
            self._record(earlier if made_nothing else attempt.over(self.clock.now()))
        raise failure

    def _look(self) -> _Found:
        """Read all that decides. If there is a record, it comes last.

        So no other invocation begins between this read and the record of this attempt. A retry may
        come at once. If it saw neither the record of a crashed try nor the credential, its own
        record would replace the one that explains that credential. So the reads wait until they
        show all that was true when the invocation began.
        """
        first = None
        if self.issuer.slots is None:
            first = self.describe()
        else:
            self.clock.sleep(max(0, (self.began + LAG - self.clock.now()).total_seconds()))
        began = self.clock.now()
        held = self.issuer.inventory()
        previous = None
        if sort_out(self._facts(held, None)).leftovers():
            previous = self.secret.read_label(Stage.PREVIOUS)
        description = first or self.describe()
        labels = {
            Stage.CURRENT: self.current.version.version_id if self.current else None,
            **({Stage.PREVIOUS: previous.version_id} if previous else {}),
        }
        if any(description.holder(label) != holder for label, holder in labels.items()):
            raise NotYet.labels(secret=self.secret.arn, pause=_LABELS_SECONDS)
        earlier = self._earlier_attempt(description, began)
        return _Found(held=held, previous=previous, description=description, earlier=earlier)

    def _earlier_attempt(self, description: Description, began: datetime) -> Attempt | None:
        """Return what an earlier try for this owner recorded, which must be over.

        A list must show what that try made: an orphan that is not listed yet would become foreign,
        because the new record replaces the one that explains it. One record for both tries would
        need no wait. But it would span the time of all tries, and an operator's key made in that
        time could be taken for an orphan.

        Args:
            description: shows the record.
            began: when the list was read.

        Raises:
            NotYet: Its invocation may still run.
        """
        attempt = description.record
        if not isinstance(attempt, Attempt) or attempt.owner != self._owner_digest():
            return None
        if attempt.started > self.clock.now() + SKEW:
            # Its time has not come, so this module did not write it.
            return None
        until = attempt.lease + LAG
        if began < until and not self._has_value(attempt.token):
            raise self._not_yet(until)
        return attempt

    def _not_yet(self, until: datetime) -> NotYet:
        pause = (until - self.clock.now()).total_seconds()
        return NotYet.attempt(owner=self.issuer.owner, until=until, pause=pause)

    def _has_value(self, version_id: str) -> bool:
        """Say whether a version has a value, which can no longer change."""
        if version_id == self.event.token:
            return False
        known = self.current and self.current.version.version_id == version_id
        return bool(known) or self.secret.read(version_id) is not None

    def _removable(
        self, found: _Found
    ) -> tuple[Mapping[Issued, Credential | None], Sequence[Issued]]:
        """Return the credentials to retire: published ones, with their values, and orphans.

        Raises:
            ForeignCredential: Credentials that are not ours leave no room.
            NotYet: Another invocation may still store one of them.
            TooSoon: Applications may still use a credential that leaves no room.
        """
        held, slots = found.held, self.issuer.slots
        claims = self._all_claims(found)
        for one in held:
            until = one.created + SKEW + LAG
            # The record of a try that made it may not show yet.
            if one.identity in claims.foreign and self.clock.now() < until:
                raise self._not_yet(until)
        taken = len(claims.foreign) + sum(one.identity in claims.kept for one in held)
        if slots is not None and claims.foreign and taken >= slots:
            raise ForeignCredential(
                owner=self.issuer.owner,
                identities=claims.foreign,
                adopt_with=self.issuer.adopt_with,
            )
        orphans = [one for one in held if one.identity in claims.orphans]
        self._require_dead(orphans)
        published = {one: claims.ours[one.identity] for one in held if one.identity in claims.ours}
        if not published or self.current is None:
            return published, orphans
        rollback = self._rollback(self.current, found)
        since = self.current.since(
            found.description.last_rotated, rollback.seen if rollback else None
        )
        until = since + self.minimum_overlap
        has_room = slots is None or len(held) - len(orphans) < slots
        if self.revokes(found.description):
            # The others end when the successor is current.
            return {} if has_room else published, orphans
        if self.clock.now() >= until:
            return published, orphans
        if has_room:
            # They stay until the next rotation.
            return {}, orphans
        dead = {one: value for one, value in published.items() if not self._works(value)}
        if not dead:
            if rollback and rollback != found.description.record:
                self._record(rollback)
            raise TooSoon(identities=[one.identity for one in published], until=until)
        return dead, orphans

    def _require_dead(self, orphans: Sequence[Issued]) -> None:
        """Check that no other invocation may store a marked orphan. For others the record does."""
        if self.issuer.slots is None and orphans:
            until = max(one.created for one in orphans) + SKEW + self._longest_lease() + LAG
            if self.clock.now() < until:
                raise self._not_yet(until)

    def _works(self, credential: Credential | None) -> bool:
        """Say whether the service may still accept a credential. A dead one protects nothing."""
        with suppress(RotationError):
            return credential is None or accepts(self.issuer, credential)
        return True

    def _facts(self, held: Sequence[Issued], earlier: Attempt | None) -> Facts:
        return facts_of(self.issuer, self.secret.arn, held, self.current, earlier)

    def _all_claims(self, found: _Found) -> Claims:
        """Decide whose each credential is. Read versions only while they may explain one."""
        facts = self._facts(found.held, found.earlier)
        claims = sort_out(facts)
        for version in self._other_versions(found, claims) if claims.leftovers() else ():
            credential = find_ours(self.issuer, version, found.held)
            facts = facts.with_version(version.version_id, credential)
            claims = sort_out(facts)
            if not claims.leftovers():
                break
        return claims

    def _other_versions(self, found: _Found, claims: Claims) -> Iterator[Version]:
        """Read the other versions one by one, the most likely first, while there is time."""
        done = {self.event.token}
        if self.current:
            done.add(self.current.version.version_id)
        if found.previous:
            done.add(found.previous.version_id)
            yield found.previous
        tried = found.earlier.token if found.earlier else self.event.token
        if tried not in done and (version := self.secret.read(tried)):
            yield version
        done.add(tried)
        # Also versions without a label: a cancelled rotation leaves one.
        others = self.secret.versions()
        times = [one.created for one in found.held if one.identity in claims.leftovers()]
        reserve = STORING_SECONDS + self._proving_seconds() + LONGEST_ATTEMPT_SECONDS
        for one in sorted(others, key=lambda one: min(abs(others[one] - time) for time in times)):
            # Everyone who may put a version can put thousands.
            if self.clock.left() < reserve:
                return
            if one not in done and (version := self.secret.read(one)):
                yield version

    def _rollback(self, current: Stored, found: _Found) -> Rollback | None:
        """Return when someone moved AWSCURRENT back, as far as that can be known.

        AWS keeps no such time. So the function records when it has first seen it.
        """
        previous, known = found.previous, found.description.record
        if previous is None or previous.created <= current.version.created:
            return None
        now = self.clock.now().replace(microsecond=0)
        first = Rollback(version_id=previous.version_id, seen=now)
        if isinstance(known, Rollback) and known.version_id == first.version_id:
            return known if known.seen <= now else first
        return first

    def _begin(self, held: Sequence[Issued], removed: Sequence[Issued]) -> Attempt:
        """Record the attempt, and what existed before it."""
        now = self.clock.now()
        present = {one.identity for one in held} - {one.identity for one in removed}
        # The list may not show the current one yet, if someone rotates twice within seconds.
        if self.current:
            present.add(self.current.credential.identity)
        left = timedelta(seconds=int(self.clock.left()))
        attempt = Attempt(
            token=self.event.token,
            owner=self._owner_digest(),
            started=now,
            ended=now + timedelta(seconds=_ASKING_SECONDS),
            lease=now + min(left, self._longest_lease()),
            present=frozenset(present),
        )
        self._record(attempt)
        return attempt

    def _with_newcomers(self, attempt: Attempt, held: Sequence[Issued]) -> Attempt:
        """Record what someone made between the list and the record."""
        if self.issuer.slots is None:
            return attempt
        newcomers = {one.identity for one in self.issuer.inventory()}
        newcomers -= {one.identity for one in held}
        if newcomers:
            attempt = replace(attempt, present=attempt.present | newcomers)
            self._record(attempt)
        return attempt

    def _record(self, record: Attempt | Rollback | None) -> None:
        """Record it on the secret, if the issuer limits its credentials."""
        if self.issuer.slots is not None:
            self.secret.record(record)

    def _store(self, credential: Credential, clock: Clock) -> None:
        """Store the credential while the lease lasts, or retire it if there is a value already."""
        # AWS makes the first value of a secret AWSCURRENT as soon as it is stored.
        if self.current is None:
            prove(
                self.issuer,
                credential,
                clock=clock,
                settling_seconds=self.issuer.settling_seconds,
                reserve=LONGEST_CALL_SECONDS,
            )
        with suppress(AlreadyStored):
            clock.require(LONGEST_CALL_SECONDS, self.event.step)
            self.secret.put(
                self.event.token,
                credential.value,
                kept=kept_fields(self.issuer, self.current, credential.value),
                rotation_token=self.event.rotation_token,
            )
            return
        # Another delivery of this step was faster. No retry would find our credential: the value
        # that the other one stored settles the record.
        issued = Issued(
            identity=credential.identity, owner=credential.owner, created=self.clock.now()
        )
        self.issuer.retire(issued, credential)

    def _require_time(self, clock: Clock) -> None:
        """Check that there is time to issue and to store.

        A first value must also be proven before it is stored, which takes time too.
        """
        clock.require(STORING_SECONDS + self._proving_seconds(), self.event.step)

    def _proving_seconds(self) -> int:
        return 0 if self.current else self.issuer.settling_seconds

    def _longest_lease(self) -> timedelta:
        """Return how long an invocation may take from the record until its value is stored.

        Without slots there is no record. Then it has one request to make room, and one to issue.
        """
        asking = 2 * LONGEST_ATTEMPT_SECONDS if self.issuer.slots is None else _ASKING_SECONDS
        learning = 0 if self.current else _LEARNING_SECONDS
        seconds = asking + self._proving_seconds() + learning + LONGEST_CALL_SECONDS
        return timedelta(seconds=seconds)

    def _owner_digest(self) -> str:
        return digest(f"{type(self.issuer).__name__} {self.issuer.owner}")


def facts_of(
    issuer: Issuer,
    arn: str,
    held: Sequence[Issued],
    current: Stored | None,
    earlier: Attempt | None,
) -> Facts:
    """Return what is known before any other version of the secret is read."""
    marked = Marked(prefix=_prefix(arn))
    return Facts(
        held=held,
        current=current,
        adopted=issuer.adopted,
        evidence=marked if issuer.slots is None else Recorded(attempt=earlier),
    )


def find_ours(issuer: Issuer, version: Version, held: Sequence[Issued]) -> Credential | None:
    """Return the credential in a version, if the version shows that it is ours.

    Everyone who may put a version can name any credential in it. So the version must have been
    created with the credential, or its value must be valid.
    """
    credential = parse_ours(issuer, version)
    if credential is None or issuer.slots is None:
        return credential
    issued = next((one for one in held if one.identity == credential.identity), None)
    if issued is None or -SKEW <= version.created - issued.created <= LONGEST:
        return credential
    return credential if accepts(issuer, credential) else None


def _prefix(arn: str) -> str:
    """Return the beginning of all marks of a secret."""
    return f"{digest(arn)}-"
