"""The four steps of a rotation. They know staging labels, ownership and time, and no service.

Secrets Manager may deliver each step twice. It retries a failed rotation from the first step, with
the same token
(https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html).
Lambda may stop the function before or after any call. So each step first finds out what is already
done, and each change is harmless when repeated or can be found again: a version by its token, an
issued credential by the record of the attempt or by its mark.
"""

from __future__ import annotations

from contextlib import suppress
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

from rotation.attempt import Rollback
from rotation.errors import AlreadyStored, CredentialRejected, NotYet, ProtocolError, RotationError
from rotation.event import Step
from rotation.fields import kept_fields
from rotation.issuing import STORING_SECONDS, Issuing
from rotation.ownership import Stored, parse_ours, require_ours
from rotation.proof import LAG, prove
from rotation.secret import Stage
from rotation.strategy import Generator, Issued, Issuer, Setter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from rotation.event import Event
    from rotation.proof import Clock
    from rotation.secret import Description, Secret, Version
    from rotation.strategy import Credential


T = TypeVar("T")

_PAUSE_SECONDS = 1


class Outcome(StrEnum):
    """How a step ended that did not fail."""

    DONE = "done"
    NOTHING_TO_DO = "nothing_to_do"
    NOTHING_TO_TEST = "nothing_to_test"


class Engine:
    """Carries out the steps of the rotation of one secret."""

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
            secret: the secret that rotates.
            strategy: makes the credentials.
            clock: the time, and how much of it the invocation has left.
            minimum_overlap: how long a credential stays valid after its successor became current.
        """
        self._secret = secret
        self._strategy = strategy
        self._clock = clock
        self._minimum_overlap = minimum_overlap

    def run(self, event: Event) -> Outcome:
        """Carry out one step.

        Raises:
            RotationError: One of its classes. The retry finds what was done so far.
        """
        while True:
            try:
                return self._run(event)
            except RotationError as error:
                failure = error
            # Secrets Manager may repeat a step that failed, and so may we: after a rate limit, or
            # when another invocation is over.
            if failure.pause is None or self._clock.left() < failure.pause + STORING_SECONDS:
                raise failure
            self._clock.sleep(failure.pause)

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
        """Store a new credential as AWSPENDING."""
        stored = self._secret.read(event.token)
        if stored is not None:
            return self._keep(stored)
        version = self._secret.read_label(Stage.CURRENT)
        current = None
        if version is not None:
            current = Stored(version=version, credential=self._require_ours(version))
        describe = partial(self._describe, event.token)
        if isinstance(self._strategy, Issuer):
            Issuing(
                secret=self._secret,
                issuer=self._strategy,
                event=event,
                describe=describe,
                current=current,
                clock=self._clock,
                minimum_overlap=self._minimum_overlap,
            ).run()
            return Outcome.DONE
        describe()
        credential = self._strategy.generate(current.credential if current else None)
        with suppress(AlreadyStored):
            self._secret.put(
                event.token,
                credential.value,
                kept=kept_fields(self._strategy, current, credential.value),
                rotation_token=event.rotation_token,
            )
        return Outcome.DONE

    def _keep(self, stored: Version) -> Outcome:
        """Go on with a value that an earlier delivery has stored, if it may still be promoted."""
        description = self._describe(stored.version_id)
        if not _is_promoted(description, stored.version_id):
            self._require_newest(stored, description)
            self._require_unexpired(stored)
            # An operator may have put it. Only the configured form and owner may be promoted.
            self._require_ours(stored)
        return Outcome.NOTHING_TO_DO

    def _set(self, token: str) -> Outcome:
        """Make the service accept the pending credential."""
        strategy = self._strategy
        if not isinstance(strategy, Setter):
            return Outcome.NOTHING_TO_DO
        description = self._describe(token)
        if _is_promoted(description, token):
            return Outcome.NOTHING_TO_DO
        pending = self._require_ours(self._value(token))
        current = self._current(description, token)
        if _accepts(strategy, pending):
            # An earlier delivery of this step has set it.
            return Outcome.NOTHING_TO_DO
        # Everyone who may put a version can put a password. Only one that is in use counts.
        in_use = current is not None and _accepts(strategy, current.credential)
        strategy.apply(pending, current.credential if current and in_use else None)
        return Outcome.DONE

    def _test(self, token: str) -> Outcome:
        """Verify the pending credential."""
        strategy = self._strategy
        if not isinstance(strategy, Setter | Issuer):
            return Outcome.NOTHING_TO_DO
        version = self._secret.read(token)
        if version is None and self._secret.describe().holder(Stage.CURRENT) is None:
            # If rotation is turned on without rotating, AWS tests a secret that is still empty.
            return Outcome.NOTHING_TO_TEST
        version = version or self._value(token)
        # Most labels of a version come with its value, which saves a call.
        if version.stages != {Stage.PENDING} and _is_promoted(self._describe(token), token):
            return Outcome.NOTHING_TO_DO
        settling = strategy.settling_seconds if isinstance(strategy, Issuer) else 0
        self._verify(version, settling_seconds=settling)
        return Outcome.DONE

    def _finish(self, token: str) -> Outcome:
        """Make the pending version current."""
        description = self._describe(token)
        current = description.holder(Stage.CURRENT)
        if current == token:
            # A retry after the promotion: a crash may have come before the retirement.
            self._retire_demoted(description.holder(Stage.PREVIOUS), token)
            return Outcome.NOTHING_TO_DO
        # The step may come out of order, and testSecret may have seen a secret without a value.
        self._verify(self._value(token), settling_seconds=0)
        self._secret.promote(token, demoted=current)
        self._retire_demoted(current, token)
        return Outcome.DONE

    def _verify(self, version: Version, *, settling_seconds: int) -> None:
        """Check that a version has a credential of ours, which the service accepts."""
        credential = self._require_ours(version)
        strategy = self._strategy
        if isinstance(strategy, Setter):
            strategy.verify(credential)
        if not isinstance(strategy, Issuer):
            return
        try:
            prove(
                strategy,
                credential,
                clock=self._clock,
                settling_seconds=settling_seconds,
                reserve=0,
            )
        except CredentialRejected as error:
            rejection = error
        else:
            return
        self._require_listed(strategy, version, credential)
        raise rejection

    def _require_listed(self, issuer: Issuer, version: Version, credential: Credential) -> None:
        """Cancel the rotation if its credential was deleted: no retry could finish it."""
        # A token that expires may come from a service that lists nothing.
        lists = issuer.slots is not None or credential.expires is None
        if not lists or self._clock.now() < version.created + LAG:
            return
        if credential.identity not in {one.identity for one in issuer.inventory()}:
            self._secret.cancel(version.version_id)
            raise ProtocolError.gone(
                secret=self._secret.arn,
                version_id=version.version_id,
                identity=credential.identity,
            )

    def _retire_demoted(self, demoted: str | None, token: str) -> None:
        """Retire the previous credential, if the strategy does not wait for the overlap."""
        issuer = self._strategy
        if demoted is None or not isinstance(issuer, Issuer) or not issuer.retires_demoted:
            return
        version, current = self._secret.read(demoted), self._secret.read(token)
        credential = parse_ours(issuer, version) if version else None
        kept = parse_ours(issuer, current) if current else None
        if version is None or credential is None:
            return
        # An operator may have put one credential into both, even in values that differ.
        if kept is None or kept.identity != credential.identity:
            issued = Issued(
                identity=credential.identity, owner=credential.owner, created=version.created
            )
            issuer.retire(issued, credential)

    def _describe(self, token: str) -> Description:
        """Read the labels, which must show that the rotation of this token is not over."""

        def staged() -> Description | None:
            description = self._secret.describe()
            stages = description.stages.get(token, frozenset())
            return description if stages & {Stage.PENDING, Stage.CURRENT} else None

        description = self._awaited(staged)
        if description is None:
            raise ProtocolError.not_staged(secret=self._secret.arn, version_id=token)
        if Stage.PREVIOUS in description.stages[token]:
            if isinstance(self._strategy, Issuer) and self._strategy.slots is not None:
                self._secret.record(Rollback(version_id=token, seen=self._clock.now()))
            self._cancel(token)
        return description

    def _value(self, token: str) -> Version:
        """Read the version of this rotation, which must have a value.

        Raises:
            NotYet: It has none, or Secrets Manager does not show it.
        """
        version = self._awaited(lambda: self._secret.read(token))
        if version is None:
            raise NotYet.no_value(secret=self._secret.arn, version_id=token)
        return version

    def _awaited(self, read: Callable[[], T | None]) -> T | None:
        """Read again for a while, because a read of Secrets Manager may show an earlier state."""
        until = self._clock.now() + LAG
        while (found := read()) is None and self._clock.now() < until:
            if self._clock.left() < _PAUSE_SECONDS:
                break
            self._clock.sleep(_PAUSE_SECONDS)
        return found

    def _current(self, description: Description, token: str) -> Stored | None:
        """Read the version that is AWSCURRENT, unless it is that of this rotation."""
        holder = description.holder(Stage.CURRENT)
        version = self._secret.read(holder) if holder not in {None, token} else None
        return Stored(version=version, credential=self._require_ours(version)) if version else None

    def _require_ours(self, version: Version) -> Credential:
        return require_ours(self._strategy, version, secret=self._secret.arn)

    def _require_newest(self, stored: Version, description: Description) -> None:
        """Cancel the rotation if a newer value is current."""
        holder = description.holder(Stage.CURRENT)
        current = self._secret.read(holder) if holder not in {None, stored.version_id} else None
        if current is not None and current.created > stored.created:
            self._cancel(stored.version_id)

    def _require_unexpired(self, stored: Version) -> None:
        """Cancel the rotation if its credential has expired meanwhile.

        The value of a version never changes, so no retry could finish this rotation.
        """
        issuer = self._strategy
        credential = parse_ours(issuer, stored)
        if not isinstance(issuer, Issuer) or credential is None or credential.expires is None:
            return
        # A credential that takes a slot may be rejected because it is new. So wait for its end.
        if issuer.slots is not None and self._clock.now() < credential.expires:
            return
        with suppress(CredentialRejected):
            issuer.verify(credential)
            return
        self._secret.cancel(stored.version_id)
        raise ProtocolError.expired(secret=self._secret.arn, version_id=stored.version_id)

    def _cancel(self, token: str) -> NoReturn:
        """Stop a rotation that an operator has overtaken, by a new value or by going back.

        AWSPENDING stays on the version of a finished rotation. If an operator then moves AWSCURRENT
        to another version, Secrets Manager retries that rotation. To promote its version once more
        would undo what the operator did.
        """
        self._secret.cancel(token)
        raise ProtocolError.not_staged(secret=self._secret.arn, version_id=token)


def _accepts(strategy: Setter, credential: Credential) -> bool:
    try:
        strategy.verify(credential)
    except CredentialRejected:
        return False
    return True


def _is_promoted(description: Description, token: str) -> bool:
    """Say whether the version was promoted. AWS makes a first value AWSCURRENT when stored."""
    is_current = description.holder(Stage.CURRENT) == token
    return is_current and description.holder(Stage.PREVIOUS) is not None
