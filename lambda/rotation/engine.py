"""The four steps of a rotation. Knows labels, ownership and time; knows no service.

Every step may be delivered twice, die before or after any call, and be repeated from the first
step with the same token
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
So each begins by looking at what is already done, and each effect is either harmless when
repeated or can be found again: a version by its token, an issued credential by the record of the
attempt.

Whose a credential is decides what may be retired:
    current   AWSCURRENT names it: never touched
    ours      another version names it, or it was adopted
    orphan    no version names it, and a recorded attempt must have made it, or it bears our mark
    foreign   everything else: never touched
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NoReturn

from rotation.attempt import Attempt, digest
from rotation.aws import LONGEST_ATTEMPT_SECONDS, LONGEST_CALL_SECONDS
from rotation.errors import (
    AlreadyStored,
    ConfigurationError,
    CredentialRejected,
    ForeignCredential,
    OutOfTime,
    ProtocolError,
    RotationError,
    ServiceUnavailable,
    TooSoon,
)
from rotation.event import Step
from rotation.secret import Stage
from rotation.strategy import Credential, Generator, Issued, Issuer, Setter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from rotation.event import Event
    from rotation.secret import Description, Secret, Version

# To issue (once) and to store (with retries) when both are as slow as they can be. Nothing is
# issued with less time left, so that an issued credential is never lost to the time-out.
_STORING_SECONDS = LONGEST_ATTEMPT_SECONDS + LONGEST_CALL_SECONDS
# To record an attempt (with retries) and to ask (once). Within this time a person's credential may
# look like ours, so it does not grow with the function's time-out.
_ASKING_SECONDS = LONGEST_CALL_SECONDS + LONGEST_ATTEMPT_SECONDS
# How long an issuer's list may lag behind what it made. AWS promises no figure
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency);
# OFFENSAI measured 3 to 4 s in 2025. The shortest time-out that a plan allows has room for it.
_LISTING_SECONDS = 10
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 4


class Outcome(StrEnum):
    """How a step ended that did not fail."""

    DONE = "done"
    NOTHING_TO_DO = "nothing_to_do"
    NOTHING_TO_TEST = "nothing_to_test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, as the invocation has it."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    left: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    version: Version
    credential: Credential


class Engine:
    """Carries one step of the rotation of one secret."""

    def __init__(
        self,
        secret: Secret,
        strategy: Generator | Issuer,
        *,
        clock: Clock,
        minimum_overlap: timedelta,
    ) -> None:
        """Take the parts; no call is made.

        Args:
            secret: which to rotate.
            strategy: how.
            clock: the time, and how much of it the invocation has left.
            minimum_overlap: how long a credential lives on after its successor was promoted.
        """
        self._secret = secret
        self._strategy = strategy
        self._clock = clock
        self._minimum_overlap = minimum_overlap
        self._mark = digest(secret.arn)

    def run(self, event: Event) -> Outcome:
        """Carry out the step.

        Raises:
            RotationError: One of its classes; what was done so far is found again by the retry.
        """
        while True:
            try:
                return self._run(event)
            except ServiceUnavailable as error:
                limited = error
            # A step that did not end may be repeated, also by us.
            if limited.pause is None or self._clock.left() < limited.pause + _STORING_SECONDS:
                raise limited
            self._clock.sleep(limited.pause)

    def _run(self, event: Event) -> Outcome:
        match event.step:
            case Step.CREATE:
                return self._create(event)
            case Step.SET:
                return self._set(event.token)
            case Step.TEST:
                return self._test(event.token)
            case Step.FINISH:
                return self._finish(event.token)

    def _create(self, event: Event) -> Outcome:
        labels = self._staged(event.token)
        # A retry that comes after the promotion, or after the value was stored.
        if _promoted(labels, event.token):
            return Outcome.NOTHING_TO_DO
        stored = self._secret.read(event.token)
        if stored is not None:
            self._refuse_older(stored, labels)
            self._refuse_ended(stored)
            # Whoever stored it: what is promoted has the configured form and owner.
            self._own(stored)
            return Outcome.NOTHING_TO_DO
        current = self._current(labels, event.token)
        if isinstance(self._strategy, Issuer):
            return self._issue(self._strategy, event, labels, current)
        credential = self._strategy.generate(current.credential if current else None)
        with suppress(AlreadyStored):
            self._secret.put(event.token, credential.value, rotation_token=event.rotation_token)
        return Outcome.DONE

    def _issue(
        self, issuer: Issuer, event: Event, labels: Description, current: _Stored | None
    ) -> Outcome:
        # The first value of a secret is AWSCURRENT as soon as it is stored, so that it must have
        # been proven before.
        seconds = _STORING_SECONDS + (0 if current else issuer.settling_seconds)
        labels = replace(labels, attempt=self._earlier(issuer, labels.attempt))
        held = self._held(issuer, labels.attempt, current, seconds, event.step)
        mark = f"{self._mark}-{event.token}"
        # What bears it is an orphan, unless a second delivery of this step has stored it by now.
        if any(one.mark == mark for one in held) and self._secret.read(event.token):
            return Outcome.NOTHING_TO_DO
        surplus = self._surplus(issuer, event.token, labels, current, held)
        self._require(seconds, event.step)
        for issued, credential in surplus:
            issuer.retire(issued, credential)
        retired = {issued.identity for issued, _ in surplus}
        earlier = labels.attempt
        if earlier and any(earlier.may_have_made(issued) for issued, _ in surplus):
            # It made that one and no other.
            earlier = None
        now = self._clock.now()
        # The list may not show the current one yet, if a person rotates twice within seconds.
        known = {current.credential.identity} if current else set()
        self._record(
            issuer,
            Attempt(
                token=event.token,
                owner=_digest(issuer),
                started=now,
                ended=now + timedelta(seconds=_ASKING_SECONDS),
                present=frozenset({one.identity for one in held} - retired | known),
            ),
        )
        credential = self._asked(issuer, earlier, seconds, event.step, mark)
        if current is None:
            self._prove(issuer, credential, reserve=_STORING_SECONDS)
        with suppress(AlreadyStored):
            self._secret.put(event.token, credential.value, rotation_token=event.rotation_token)
            return Outcome.DONE
        # A second delivery of this step was faster. Its record counts as settled by the value that
        # it stored, so nobody would find ours again.
        own = Issued(identity=credential.identity, owner=credential.owner, created=now)
        issuer.retire(own, credential)
        return Outcome.DONE

    def _record(self, issuer: Issuer, attempt: Attempt | None) -> None:
        """Note what is about to be asked, unless what it makes bears a mark or is never listed."""
        if issuer.slots is not None:
            self._secret.record(attempt)

    def _earlier(self, issuer: Issuer, attempt: Attempt | None) -> Attempt | None:
        """Take what an earlier try recorded of this owner; what it made, it has made by now."""
        if attempt is None or attempt.owner != _digest(issuer):
            return None
        ended = max(attempt.started, min(attempt.ended, self._clock.now()))
        return replace(attempt, ended=ended)

    def _held(
        self,
        issuer: Issuer,
        earlier: Attempt | None,
        current: _Stored | None,
        seconds: float,
        step: Step,
    ) -> Sequence[Issued]:
        """List what the owner holds, when the list must show what a dead try has made.

        An orphan that is overlooked here would be foreign for ever, as the new record takes the
        place of the one that explains it. Keeping both in one record would need no wait, but the
        time of such a record spans all tries, and a person's key made in it could be taken for an
        orphan.
        """
        held = issuer.inventory()
        if earlier is None or (current and earlier.token == current.version.version_id):
            return held
        until = earlier.ended + timedelta(seconds=_LISTING_SECONDS)
        lag = (until - self._clock.now()).total_seconds()
        if lag <= 0 or any(earlier.may_have_made(one) for one in held):
            return held
        self._require(lag + seconds, step)
        self._clock.sleep(lag)
        return issuer.inventory()

    def _asked(
        self, issuer: Issuer, earlier: Attempt | None, seconds: float, step: Step, mark: str
    ) -> Credential:
        try:
            # Making room and recording took time.
            self._require(seconds, step)
            return issuer.issue(mark)
        except RotationError as error:
            refusal = error
        # A lost answer leaves the record for the next try. A definite refusal made nothing: the
        # record that stood there stands again, since what fills the slot may be the key that it
        # explains, which the list does not show yet.
        if not refusal.answer_lost:
            self._record(issuer, earlier)
        raise refusal

    def _surplus(
        self,
        issuer: Issuer,
        token: str,
        labels: Description,
        current: _Stored | None,
        held: Sequence[Issued],
    ) -> list[tuple[Issued, Credential | None]]:
        """Find what has to go, and make every refusal before anything is changed."""
        kept = {current.credential.identity} if current else set()
        ours: dict[str, Credential | None] = {}
        if issuer.adopted and current:
            ours[issuer.adopted] = None
        elif issuer.adopted:
            # Nothing has replaced the adopted one yet: applications still live on it.
            kept.add(issuer.adopted)

        unexplained = self._to_explain(issuer, held) - kept - ours.keys()
        settled = {current.version.version_id} if current else set()
        for version in self._versions(labels, {token, *settled}) if unexplained else ():
            settled.add(version.version_id)
            credential = self._recognised(version)
            if credential is not None and credential.identity in unexplained:
                ours[credential.identity] = credential
                unexplained.remove(credential.identity)
            if not unexplained:
                break

        # What bears our mark was made for us, stored or not.
        marked = issuer.slots is None
        orphans = unexplained if marked else unexplained & _orphans(labels.attempt, settled, held)
        foreign = unexplained - orphans
        taken = len(foreign) + sum(one.identity in kept for one in held)
        if issuer.slots is not None and foreign and taken >= issuer.slots:
            raise ForeignCredential(
                owner=issuer.owner, identities=foreign, adopt_with=issuer.adopt_with
            )

        published = [one for one in held if one.identity in ours.keys() - kept]
        if published and current:
            since = max(filter(None, (labels.last_rotated, current.version.created)))
            until = since + self._minimum_overlap
            if self._clock.now() < until:
                if issuer.slots is not None:
                    raise TooSoon(identities=[one.identity for one in published], until=until)
                # There is room: they are left for the next rotation.
                published = []
        removed = [one for one in held if one.identity in orphans]
        return [(one, ours.get(one.identity)) for one in published + removed]

    def _to_explain(self, issuer: Issuer, held: Sequence[Issued]) -> set[str]:
        """Leave out what is another secret's, where each credential bears the mark of its own."""
        ours = f"{self._mark}-"
        marked = issuer.slots is None
        return {one.identity for one in held if not marked or str(one.mark).startswith(ours)}

    def _versions(self, labels: Description, known: AbstractSet[str]) -> Iterator[Version]:
        """Read the other versions, each when it is asked for, the likeliest first."""
        previous = labels.holder(Stage.PREVIOUS)
        if previous is not None:
            yield from self._values([previous])
        # Unlabelled ones too: an abandoned rotation leaves one.
        others = self._secret.version_ids()
        yield from self._values(one for one in others if one not in {previous, *known})

    def _values(self, version_ids: Iterable[str]) -> Iterator[Version]:
        for version_id in version_ids:
            version = self._secret.read(version_id)
            if version is not None:
                yield version

    def _set(self, token: str) -> Outcome:
        if not isinstance(self._strategy, Setter):
            return Outcome.NOTHING_TO_DO
        labels = self._staged(token)
        if _promoted(labels, token):
            return Outcome.NOTHING_TO_DO
        version = self._secret.read(token)
        if version is None:
            raise ProtocolError.no_value(secret=self._secret.arn, version_id=token)
        pending = self._own(version)
        current = self._current(labels, token)
        with suppress(CredentialRejected):
            self._strategy.verify(pending)
            # The service knows it already: an earlier delivery of this step told it.
            return Outcome.NOTHING_TO_DO
        self._strategy.apply(pending, current.credential if current else None)
        return Outcome.DONE

    def _test(self, token: str) -> Outcome:
        strategy = self._strategy
        if not isinstance(strategy, Setter | Issuer):
            return Outcome.NOTHING_TO_DO
        labels = self._staged(token)
        if _promoted(labels, token):
            return Outcome.NOTHING_TO_DO
        version = self._secret.read(token)
        if version is None:
            # Rotation was switched on without rotating: AWS tests a secret that is still empty.
            return Outcome.NOTHING_TO_TEST
        if isinstance(strategy, Issuer):
            self._prove(strategy, self._own(version), reserve=0)
        else:
            strategy.verify(self._own(version))
        return Outcome.DONE

    def _finish(self, token: str) -> Outcome:
        labels = self._staged(token)
        current = labels.holder(Stage.CURRENT)
        if current == token:
            # A retry that comes after the promotion: what was demoted may have outlived a death.
            self._retire_demoted(labels.holder(Stage.PREVIOUS), token)
            return Outcome.NOTHING_TO_DO
        # That the version has a value is not asked again: Secrets Manager sends this step after the
        # other three succeeded, of which the first stored it.
        self._secret.promote(token, demoted=current)
        self._retire_demoted(current, token)
        return Outcome.DONE

    def _retire_demoted(self, demoted: str | None, token: str) -> None:
        issuer = self._strategy
        if demoted is None or not isinstance(issuer, Issuer) or not issuer.retires_demoted:
            return
        version, current = self._secret.read(demoted), self._secret.read(token)
        credential = self._recognised(version) if version else None
        # A person may have put one credential into both.
        shared = current is not None and credential == self._recognised(current)
        if version is not None and credential is not None and not shared:
            issued = Issued(
                identity=credential.identity, owner=credential.owner, created=version.created
            )
            issuer.retire(issued, credential)

    def _prove(self, issuer: Issuer, credential: Credential, *, reserve: float) -> None:
        """Wait until the credential was accepted over the settling time without a break.

        One acceptance proves little: a service answers from several places, which learn of a new
        credential at different times.
        """
        pause = _FIRST_PAUSE_SECONDS
        accepted: datetime | None = None
        while True:
            refusal: RotationError | None = None
            try:
                issuer.verify(credential)
            except CredentialRejected as error:
                refusal = error
            except ServiceUnavailable as error:
                refusal = error
                pause = max(pause, error.pause or 0)
            now = self._clock.now()
            accepted = None if refusal else accepted or now
            settling = timedelta(seconds=issuer.settling_seconds)
            if accepted is not None and now - accepted >= settling:
                return
            left = self._clock.left() - reserve
            if left < pause and refusal is not None:
                raise refusal
            if left < pause:
                raise OutOfTime(
                    step="Verifying the new credential", needed=issuer.settling_seconds, left=left
                )
            self._clock.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _require(self, seconds: float, step: Step) -> None:
        left = self._clock.left()
        if left < seconds:
            raise OutOfTime(step=step, needed=seconds, left=left)

    def _staged(self, token: str) -> Description:
        labels = self._secret.describe()
        stages = labels.stages.get(token, frozenset())
        if not stages & {Stage.PENDING, Stage.CURRENT}:
            raise ProtocolError.not_staged(secret=self._secret.arn, version_id=token)
        if Stage.PREVIOUS in stages:
            self._give_up(token)
        return labels

    def _refuse_older(self, stored: Version, labels: Description) -> None:
        holder = labels.holder(Stage.CURRENT)
        current = self._secret.read(holder) if holder not in {None, stored.version_id} else None
        if current is not None and current.created > stored.created:
            self._give_up(stored.version_id)

    def _refuse_ended(self, stored: Version) -> None:
        """Give up a rotation that took longer than what it has stored lives.

        A version's value never changes, so that no retry could bring this rotation to its end.
        """
        issuer = self._strategy
        credential = self._recognised(stored)
        if not isinstance(issuer, Issuer) or credential is None or credential.expires is None:
            return
        # One that takes a slot may be refused because it is not known everywhere yet.
        if issuer.slots is not None and self._clock.now() < credential.expires:
            return
        with suppress(CredentialRejected):
            issuer.verify(credential)
            return
        self._secret.cancel(stored.version_id)
        raise ProtocolError.expired(secret=self._secret.arn, version_id=stored.version_id)

    def _give_up(self, token: str) -> NoReturn:
        """Stop a rotation that a person has overtaken, by another value or by going back to one.

        AWSPENDING stays on the version of a finished rotation, and where AWSCURRENT is moved away
        from it by hand, Secrets Manager takes that rotation up again. Promoting its version once
        more would undo what the person did.
        """
        self._secret.cancel(token)
        raise ProtocolError.not_staged(secret=self._secret.arn, version_id=token)

    def _current(self, labels: Description, token: str) -> _Stored | None:
        """Read what AWSCURRENT holds beside the version of this rotation."""
        holder = labels.holder(Stage.CURRENT)
        version = self._secret.read(holder) if holder not in {None, token} else None
        return _Stored(version=version, credential=self._own(version)) if version else None

    def _own(self, version: Version) -> Credential:
        """Insist on the configured strategy and owner, before anything else is done."""
        value = version.value
        credential = None if value is None else self._strategy.parse(value)
        if credential is None:
            raise ConfigurationError.other_kind(
                secret=self._secret.arn,
                version_id=version.version_id,
                shape=self._strategy.shape,
            )
        if credential.owner != self._strategy.owner:
            raise ConfigurationError.other_owner(
                secret=self._secret.arn,
                version_id=version.version_id,
                found=credential.owner,
                configured=self._strategy.owner,
            )
        return credential

    def _recognised(self, version: Version) -> Credential | None:
        """Look at a value that may be anybody's: it may name one of ours, or not."""
        credential = None if version.value is None else self._strategy.parse(version.value)
        return credential if credential and credential.owner == self._strategy.owner else None


def _orphans(
    attempt: Attempt | None, settled: AbstractSet[str], held: Sequence[Issued]
) -> set[str]:
    """Find what a recorded attempt made and did not live to store."""
    if attempt is None or attempt.token in settled:
        return set()
    made = {one.identity for one in held if attempt.may_have_made(one)}
    # Of two, one is somebody else's, and nothing tells which.
    return made if len(made) == 1 else set()


def _promoted(labels: Description, token: str) -> bool:
    """Tell a finished promotion from a first value, which AWS labels AWSCURRENT by itself."""
    return labels.holder(Stage.CURRENT) == token and labels.holder(Stage.PREVIOUS) is not None


def _digest(issuer: Issuer) -> str:
    return digest(f"{type(issuer).__name__} {issuer.owner}")
