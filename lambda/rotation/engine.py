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
from typing import TYPE_CHECKING

from rotation.aws import LONGEST_ATTEMPT_SECONDS, STORING_SECONDS
from rotation.errors import AlreadyStored, RotationError
from rotation.event import Step, WatcherRequest
from rotation.ownership import kept_fields
from rotation.pending import Pending
from rotation.secret import Stage
from rotation.strategy import Generator, Issuer, Replacer, Setter

if TYPE_CHECKING:
    from datetime import timedelta

    from rotation.event import Event
    from rotation.proof import Clock
    from rotation.revocation import Revocation
    from rotation.secret import Description, Secret
    from rotation.setting import Setting

# A repetition reads again, before it issues and stores.
_REPEATING_SECONDS = LONGEST_ATTEMPT_SECONDS + STORING_SECONDS


class Outcome(StrEnum):
    """How a step, an audit or a look at the previous credential ended that did not fail."""

    CLEAN = "clean"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"
    DONE = "done"
    FINDINGS = "findings"
    IN_USE = "in_use"
    NOTHING_TO_DO = "nothing_to_do"
    NOTHING_TO_TEST = "nothing_to_test"
    REVOKED = "revoked"


class Engine:
    """Carries out the steps of the rotation of one secret."""

    def __init__(  # noqa: PLR0913 -- they are named
        self,
        secret: Secret,
        strategy: Generator | Issuer,
        *,
        clock: Clock,
        minimum_overlap: timedelta,
        revocable: bool = False,
        give_up_after: timedelta | None = None,
    ) -> None:
        """Take the parts; no call is made.

        Args:
            secret: the secret that rotates.
            strategy: makes the credentials.
            clock: the time, and how much of it the invocation has left.
            minimum_overlap: how long a credential stays valid after its successor became current.
            revocable: whether a responder's request ends older credentials before that.
            give_up_after: the age of a rotation that the watcher may have given up; None: never.
        """
        self._secret = secret
        self._strategy = strategy
        self._clock = clock
        self._minimum_overlap = minimum_overlap
        self._revocable = revocable
        self._give_up_after = give_up_after
        self._began = clock.now()

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
            if failure.pause is None or self._clock.left() < failure.pause + _REPEATING_SECONDS:
                raise failure
            self._clock.sleep(failure.pause)

    def _run(self, event: Event) -> Outcome:
        pending = Pending(
            secret=self._secret, strategy=self._strategy, clock=self._clock, token=event.token
        )
        match event.step:
            case Step.CREATE:
                return self._create(pending, event)
            case Step.SET:
                return self._set(pending)
            case Step.TEST:
                return self._test(pending)
            case Step.FINISH:
                return self._finish(pending, event)
            case WatcherRequest.GIVE_UP:
                return self._give_up(pending)

    def _create(self, pending: Pending, event: Event) -> Outcome:
        """Store a new credential as AWSPENDING."""
        strategy = self._strategy
        stored = self._secret.read(event.token)
        if stored is not None:
            # A retry may come after the promotion, or after the value was stored.
            description = pending.describe()
            if not _is_promoted(description, event.token):
                pending.require_promotable(stored, description)
            return Outcome.NOTHING_TO_DO
        if self._revocable:
            _revocation(pending, event).require()
        current = pending.parse_stored(self._secret.read_label(Stage.CURRENT))
        if isinstance(strategy, Issuer):
            from rotation.issuing import Issuing

            Issuing(
                secret=self._secret,
                issuer=strategy,
                event=event,
                describe=pending.describe,
                current=current,
                clock=self._clock,
                began=self._began,
                minimum_overlap=self._minimum_overlap,
                revokes=lambda description: self._revokes(pending, event, description),
            ).run()
            return Outcome.DONE
        description = pending.describe()
        basis = current.credential if current else None
        if isinstance(strategy, Setter) and current is not None:
            setting = _setting(strategy, pending)
            if not self._revokes(pending, event, description):
                setting.require_overlap(current, description, self._minimum_overlap)
            if setting.was_never_set(current, description):
                basis = None
        credential = strategy.generate(basis)
        with suppress(AlreadyStored):
            self._secret.put(
                event.token,
                credential.value,
                kept=kept_fields(strategy, current, credential.value),
                rotation_token=event.rotation_token,
            )
        return Outcome.DONE

    def _set(self, pending: Pending) -> Outcome:
        """Make the service accept the pending credential, if it accepts the current one, too."""
        strategy = self._strategy
        if not isinstance(strategy, Setter | Replacer):
            return Outcome.NOTHING_TO_DO
        description = pending.describe()
        if _is_promoted(description, pending.token):
            return Outcome.NOTHING_TO_DO
        _setting(strategy, pending).set(description)
        return Outcome.DONE

    def _test(self, pending: Pending) -> Outcome:
        """Verify the pending credential."""
        strategy = self._strategy
        if not isinstance(strategy, Setter | Replacer | Issuer):
            return Outcome.NOTHING_TO_DO
        version = self._secret.read(pending.token)
        if version is None and pending.describe().holder(Stage.CURRENT) is None:
            # If rotation is turned on without rotating, AWS tests a secret that is still empty.
            return Outcome.NOTHING_TO_TEST
        version = version or pending.value()
        # The labels of a version come with its value. Most times they save a call.
        if version.stages != {Stage.PENDING} and _is_promoted(pending.describe(), pending.token):
            return Outcome.NOTHING_TO_DO
        if isinstance(strategy, Replacer) and Stage.CURRENT not in version.stages:
            # The service gets it in finishSecret, which verifies it.
            pending.require_ours(version)
            return Outcome.NOTHING_TO_TEST
        settling = strategy.settling_seconds if isinstance(strategy, Issuer) else 0
        pending.verify(version, settling_seconds=settling)
        return Outcome.DONE

    def _finish(self, pending: Pending, event: Event) -> Outcome:
        """Make the pending version current."""
        description = pending.describe()
        current = description.holder(Stage.CURRENT)
        if current == pending.token:
            # A retry after the promotion: a crash may have come before the retirement.
            pending.retire_demoted(description.holder(Stage.PREVIOUS))
            return self._revoke(pending, event, description) or Outcome.NOTHING_TO_DO
        # The step may come out of order, and testSecret may have seen a secret without a value.
        version = pending.value()
        if isinstance(self._strategy, Replacer):
            _setting(self._strategy, pending).replace(version, description)
        else:
            pending.verify(version, settling_seconds=0)
        self._secret.promote(pending.token, demoted=current)
        pending.retire_demoted(current)
        return self._revoke(pending, event, description) or Outcome.DONE

    def _give_up(self, pending: Pending) -> Outcome:
        """Give up a rotation that cannot end, if an option allows it."""
        if self._give_up_after is not None:
            from rotation.giving_up import GivingUp  # Only a package that may need it has it.

            GivingUp(pending=pending, after=self._give_up_after).run()
        return Outcome.NOTHING_TO_DO

    def _revokes(self, pending: Pending, event: Event, description: Description) -> bool:
        """Say whether a responder has requested to end older credentials."""
        is_likely = description.revocation is not None or event.requires_revocation
        return self._revocable and is_likely and _revocation(pending, event).allows(description)

    def _revoke(self, pending: Pending, event: Event, description: Description) -> Outcome | None:
        """End older credentials, if a responder has requested that."""
        revokes = self._revokes(pending, event, description)
        is_done = revokes and _revocation(pending, event).run()
        return Outcome.REVOKED if is_done else None


def _setting(strategy: Setter | Replacer, pending: Pending) -> Setting:
    from rotation.setting import Setting  # The packages of other strategies don't have it.

    return Setting(strategy=strategy, pending=pending)


def _revocation(pending: Pending, event: Event) -> Revocation:
    from rotation.revocation import Revocation  # Only a package that may need it has it.

    return Revocation(pending=pending, is_required=event.requires_revocation)


def _is_promoted(description: Description, token: str) -> bool:
    """Say whether the version was promoted. AWS makes a first value AWSCURRENT when stored."""
    is_current = description.holder(Stage.CURRENT) == token
    return is_current and description.holder(Stage.PREVIOUS) is not None
