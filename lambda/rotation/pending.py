"""The version of one rotation: its verification, and whether it may be promoted.

Secrets Manager retries a rotation for as long as its version is AWSPENDING. So a rotation that no
retry could finish, or that an operator has overtaken, loses this label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from rotation.attempt import Rollback
from rotation.errors import CredentialRejected, NotYet, ProtocolError
from rotation.ownership import Stored, parse_ours, require_ours
from rotation.proof import LAG, accepts, prove
from rotation.secret import Stage
from rotation.strategy import Issued, Issuer, Replacer, Setter

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation.proof import Clock
    from rotation.secret import Description, Secret, Version
    from rotation.strategy import Credential, Generator

T = TypeVar("T")

_PAUSE_SECONDS = 1
_TRIES = round(LAG.total_seconds() / _PAUSE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Pending:
    """The version whose id is the token of the rotation."""

    secret: Secret
    strategy: Generator | Issuer
    clock: Clock
    token: str

    def describe(self) -> Description:
        """Read the labels, which must show that the rotation is not over."""

        def find() -> Description | None:
            description = self.secret.describe()
            stages = description.stages.get(self.token, frozenset())
            return description if stages & {Stage.PENDING, Stage.CURRENT} else None

        description = self.wait_for(find)
        if description is None:
            raise ProtocolError.not_staged(secret=self.secret.arn, version_id=self.token)
        if Stage.PREVIOUS in description.stages[self.token]:
            if isinstance(self.strategy, Issuer) and self.strategy.slots is not None:
                self.secret.record(Rollback(version_id=self.token, seen=self.clock.now()))
            self.give_up()
        return description

    def value(self) -> Version:
        """Read the version of this rotation, which must have a value.

        Raises:
            NotYet: It has none, or Secrets Manager does not show it.
        """
        version = self.wait_for(lambda: self.secret.read(self.token))
        if version is None:
            raise NotYet.no_value(secret=self.secret.arn, version_id=self.token)
        return version

    def current(self, description: Description) -> Stored | None:
        """Read the version that is AWSCURRENT, unless it is that of this rotation."""
        holder = description.holder(Stage.CURRENT)
        version = self.secret.read(holder) if holder not in {None, self.token} else None
        return self.parse_stored(version)

    def parse_stored(self, version: Version | None) -> Stored | None:
        """Parse a version, if there is one, whose credential must be of the configured owner."""
        return Stored(version=version, credential=self.require_ours(version)) if version else None

    def require_ours(self, version: Version) -> Credential:
        """Return the credential in a version, which must be of the configured owner."""
        return require_ours(self.strategy, version, secret=self.secret.arn)

    def require_promotable(self, stored: Version, description: Description) -> None:
        """Check a value that an earlier delivery has stored, or that an operator has put.

        Raises:
            ConfigurationError: It has not the configured form or owner.
            ProtocolError: A newer value is current, or the credential has expired.
        """
        self._require_newest(stored, description)
        self._require_unexpired(stored)
        self.require_ours(stored)

    def verify(self, version: Version, *, settling_seconds: int) -> None:
        """Check that a version has a credential of ours, which the service accepts."""
        credential = self.require_ours(version)
        if isinstance(self.strategy, Setter | Replacer):
            self.strategy.verify(credential)
        if not isinstance(self.strategy, Issuer):
            return
        try:
            prove(
                self.strategy,
                credential,
                clock=self.clock,
                settling_seconds=settling_seconds,
                reserve=0,
            )
        except CredentialRejected as error:
            rejection = error
        else:
            return
        self._require_listed(self.strategy, version, credential)
        raise rejection

    def retire_demoted(self, demoted: str | None) -> None:
        """Retire the previous credential, if the strategy does not wait for the overlap."""
        issuer = self.strategy
        if demoted is None or not isinstance(issuer, Issuer) or not issuer.retires_demoted:
            return
        version, current = self.secret.read(demoted), self.secret.read(self.token)
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

    def _require_listed(self, issuer: Issuer, version: Version, credential: Credential) -> None:
        """Cancel the rotation if its credential was deleted: no retry could finish it."""
        # A token that expires may come from a service that lists nothing.
        lists = issuer.slots is not None or credential.expires is None
        if not lists or self.clock.now() < version.created + LAG:
            return
        if credential.identity not in {one.identity for one in issuer.inventory()}:
            self.secret.cancel(version.version_id)
            raise ProtocolError.gone(
                secret=self.secret.arn,
                version_id=version.version_id,
                identity=credential.identity,
            )

    def _require_newest(self, stored: Version, description: Description) -> None:
        """Cancel the rotation if a newer value is current."""
        holder = description.holder(Stage.CURRENT)
        current = self.secret.read(holder) if holder not in {None, stored.version_id} else None
        if current is not None and current.created > stored.created:
            self.give_up()

    def _require_unexpired(self, stored: Version) -> None:
        """Cancel the rotation if its credential has expired meanwhile.

        The value of a version never changes, so no retry could finish this rotation.
        """
        issuer = self.strategy
        credential = parse_ours(issuer, stored)
        if not isinstance(issuer, Issuer) or credential is None or credential.expires is None:
            return
        # A credential that takes a slot may be rejected because it is new. So wait for its end.
        if issuer.slots is not None and self.clock.now() < credential.expires:
            return
        if accepts(issuer, credential):
            return
        self.secret.cancel(stored.version_id)
        raise ProtocolError.expired(secret=self.secret.arn, version_id=stored.version_id)

    def give_up(self) -> NoReturn:
        """Stop a rotation that an operator has overtaken, by a new value or by going back.

        AWSPENDING stays on the version of a finished rotation. If an operator then moves AWSCURRENT
        to another version, Secrets Manager retries that rotation. To promote its version once more
        would undo what the operator did.
        """
        self.secret.cancel(self.token)
        raise ProtocolError.not_staged(secret=self.secret.arn, version_id=self.token)

    def wait_for(self, read: Callable[[], T | None]) -> T | None:
        """Read again for a while, because a read of Secrets Manager may show an earlier state."""
        for _ in range(_TRIES):
            found = read()
            if found is not None or self.clock.left() < _PAUSE_SECONDS:
                return found
            self.clock.sleep(_PAUSE_SECONDS)
        return read()
