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
from typing import TYPE_CHECKING, NoReturn

from rotation.errors import AlreadyStored, CredentialRejected, ProtocolError, ServiceUnavailable
from rotation.event import Step
from rotation.fields import kept_fields
from rotation.issuing import STORING_SECONDS, Issuing
from rotation.ownership import Stored, parse_ours, require_ours
from rotation.proof import prove
from rotation.secret import Stage
from rotation.strategy import Generator, Issued, Issuer, Setter

if TYPE_CHECKING:
    from datetime import timedelta

    from rotation.event import Event
    from rotation.proof import Clock
    from rotation.secret import Description, Secret, Version
    from rotation.strategy import Credential


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
            except ServiceUnavailable as error:
                failure = error
            # Secrets Manager may repeat a step that failed, and so may we, after a rate limit.
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
        description = self._describe(event.token)
        # A retry may come after the promotion, or after the value was stored.
        if _is_promoted(description, event.token):
            return Outcome.NOTHING_TO_DO
        stored = self._secret.read(event.token)
        if stored is not None:
            self._require_newest(stored, description)
            self._require_unexpired(stored)
            # An operator may have put it. Only the configured form and owner may be promoted.
            self._require_ours(stored)
            return Outcome.NOTHING_TO_DO
        current = self._current(description, event.token)
        if isinstance(self._strategy, Issuer):
            issuing = Issuing(
                secret=self._secret,
                issuer=self._strategy,
                event=event,
                description=description,
                current=current,
                clock=self._clock,
                minimum_overlap=self._minimum_overlap,
            )
            return Outcome.DONE if issuing.run() else Outcome.NOTHING_TO_DO
        credential = self._strategy.generate(current.credential if current else None)
        with suppress(AlreadyStored):
            self._secret.put(
                event.token,
                credential.value,
                kept=kept_fields(self._strategy, current, credential.value),
                rotation_token=event.rotation_token,
            )
        return Outcome.DONE

    def _set(self, token: str) -> Outcome:
        """Make the service accept the pending credential."""
        if not isinstance(self._strategy, Setter):
            return Outcome.NOTHING_TO_DO
        description = self._describe(token)
        if _is_promoted(description, token):
            return Outcome.NOTHING_TO_DO
        version = self._secret.read(token)
        if version is None:
            raise ProtocolError.no_value(secret=self._secret.arn, version_id=token)
        pending = self._require_ours(version)
        current = self._current(description, token)
        with suppress(CredentialRejected):
            self._strategy.verify(pending)
            # An earlier delivery of this step has set it.
            return Outcome.NOTHING_TO_DO
        self._strategy.apply(pending, current.credential if current else None)
        return Outcome.DONE

    def _test(self, token: str) -> Outcome:
        """Verify the pending credential."""
        strategy = self._strategy
        if not isinstance(strategy, Setter | Issuer):
            return Outcome.NOTHING_TO_DO
        description = self._describe(token)
        if _is_promoted(description, token):
            return Outcome.NOTHING_TO_DO
        version = self._secret.read(token)
        if version is None:
            # If rotation is turned on without rotating, AWS tests a secret that is still empty.
            return Outcome.NOTHING_TO_TEST
        if isinstance(strategy, Issuer):
            prove(strategy, self._require_ours(version), clock=self._clock, reserve=0)
        else:
            strategy.verify(self._require_ours(version))
        return Outcome.DONE

    def _finish(self, token: str) -> Outcome:
        """Make the pending version current."""
        description = self._describe(token)
        current = description.holder(Stage.CURRENT)
        if current == token:
            # A retry after the promotion: a crash may have come before the retirement.
            self._retire_demoted(description.holder(Stage.PREVIOUS), token)
            return Outcome.NOTHING_TO_DO
        # There is no check that the version has a value: Secrets Manager sends this step after the
        # other three succeeded, and the first of them stored it.
        self._secret.promote(token, demoted=current)
        self._retire_demoted(current, token)
        return Outcome.DONE

    def _retire_demoted(self, demoted: str | None, token: str) -> None:
        """Retire the previous credential, if the strategy does not wait for the overlap."""
        issuer = self._strategy
        if demoted is None or not isinstance(issuer, Issuer) or not issuer.retires_demoted:
            return
        version, current = self._secret.read(demoted), self._secret.read(token)
        credential = parse_ours(issuer, version) if version else None
        # An operator may have put one credential into both.
        shared = current is not None and credential == parse_ours(issuer, current)
        if version is not None and credential is not None and not shared:
            issued = Issued(
                identity=credential.identity, owner=credential.owner, created=version.created
            )
            issuer.retire(issued, credential)

    def _describe(self, token: str) -> Description:
        """Read the labels, which must show that the rotation of this token is not over."""
        description = self._secret.describe()
        stages = description.stages.get(token, frozenset())
        if not stages & {Stage.PENDING, Stage.CURRENT}:
            raise ProtocolError.not_staged(secret=self._secret.arn, version_id=token)
        if Stage.PREVIOUS in stages:
            self._cancel(token)
        return description

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


def _is_promoted(description: Description, token: str) -> bool:
    """Say whether the version was promoted. AWS makes a first value AWSCURRENT when stored."""
    is_current = description.holder(Stage.CURRENT) == token
    return is_current and description.holder(Stage.PREVIOUS) is not None
