"""Sets a credential on a service that makes none: beside the current one, or in its place.

A Setter's service accepts the current credential, too, so it is set before it is tested. A
Replacer's service accepts one at a time, so nothing changes before finishSecret. Then the new one
is set, proven and promoted within one invocation, and the current one is set again if the proof
fails.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotation.aws import STORING_SECONDS
from rotation.errors import RotationError, TooSoon
from rotation.ownership import parse_ours
from rotation.proof import accepts
from rotation.secret import Stage
from rotation.strategy import Replacer, Setter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

    from rotation.ownership import Stored
    from rotation.pending import Pending
    from rotation.secret import Description, Version
    from rotation.strategy import Credential

# A service may lock an account after some rejected credentials, and anyone who may write the secret
# can put thousands.
_MOST_EARLIER = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Setting:
    """The setting of the credential of one rotation."""

    strategy: Setter | Replacer
    pending: Pending

    def require_overlap(
        self, current: Stored, description: Description, minimum_overlap: timedelta
    ) -> None:
        """Check that applications no longer use the previous credential, which apply may end.

        Raises:
            TooSoon: They may still use it. A credential that no longer works protects nothing.
        """
        until = current.since(description.last_rotated) + minimum_overlap
        ends_previous = getattr(self.strategy, "ends_previous", False)
        if not ends_previous or self.pending.clock.now() >= until:
            return
        version = self.pending.secret.read_label(Stage.PREVIOUS)
        previous = parse_ours(self.strategy, version) if version else None
        if previous is not None and accepts(self.strategy, previous):
            raise TooSoon(identities=[previous.identity], until=until)

    def was_never_set(self, current: Stored, description: Description) -> bool:
        """Say whether the current credential is a first value that never reached the service.

        AWS makes a first value AWSCURRENT when it is stored. If setSecret fails after that, no
        application can use it, and a strategy must not count it as one of its users.
        """
        if description.holder(Stage.PREVIOUS) is not None:
            return False
        return not accepts(self.strategy, current.credential)

    def set(self, description: Description) -> None:
        """Set the pending credential, or check that finishSecret will be able to."""
        credential = self.pending.require_ours(self.pending.value())
        current = self._in_use(description)
        if isinstance(self.strategy, Setter):
            if current is not None and _ends(self.strategy, credential, current):
                self.pending.give_up()
            if current is None and getattr(self.strategy, "needs_known", False):
                known = self._known(description, None, credential)
                current = next((one for one in known if accepts(self.strategy, one)), None)
            self.strategy.apply(credential, current)
            return
        known = self._known(description, current, credential)
        if description.holder(Stage.CURRENT) in {None, self.pending.token}:
            # A first value ends no other one. AWS makes it AWSCURRENT when it is stored.
            self.strategy.replace(credential, known)
        else:
            self.strategy.check(credential, known)

    def replace(self, version: Version, description: Description) -> None:
        """Set the pending credential of a Replacer in place of the current one, and prove it.

        Raises:
            RotationError: One of its classes. The service accepts the current credential again, if
                it accepted it before.
        """
        strategy = self.strategy
        if isinstance(strategy, Setter):
            return
        credential = self.pending.require_ours(version)
        current = self._in_use(description)
        changed = False
        try:
            strategy.replace(credential, self._known(description, current, credential))
            changed = True
            strategy.verify(credential)
        except RotationError as error:
            failure = error
        else:
            return
        if current is not None and (changed or failure.answer_lost):
            with suppress(RotationError):
                self._go_back(strategy, current, credential)
        raise failure

    def _go_back(self, strategy: Replacer, current: Credential, credential: Credential) -> None:
        """Set the current credential again, unless another delivery has promoted the new one."""
        if self.pending.describe().holder(Stage.CURRENT) != self.pending.token:
            strategy.replace(current, [credential, current])

    def _in_use(self, description: Description) -> Credential | None:
        """Return the current credential, if the service accepts it.

        Anyone who may write the secret can store a value of their own as AWSCURRENT.
        """
        current = self.pending.current(description)
        if current is None or not accepts(self.strategy, current.credential):
            return None
        return current.credential

    def _known(
        self, description: Description, current: Credential | None, credential: Credential
    ) -> Iterator[Credential]:
        """Return the credentials that the service may accept, the most likely first.

        A rotation that was given up, or a restored snapshot, leaves the credential of another
        version on the service. These are read only while they are asked for.
        """
        if current is not None:
            yield current
        yield credential
        secret = self.pending.secret
        done = {self.pending.token, description.holder(Stage.CURRENT)}
        versions = {one: made for one, made in secret.versions().items() if one not in done}
        for one in sorted(versions, key=versions.__getitem__, reverse=True)[:_MOST_EARLIER]:
            if self.pending.clock.left() < STORING_SECONDS:
                return
            version = secret.read(one)
            if version is not None and (known := parse_ours(self.strategy, version)):
                yield known


def _ends(strategy: Setter, pending: Credential, current: Credential) -> bool:
    """Say whether to set the pending credential would end the current one.

    A strategy may alternate between two users. If an operator moves AWSCURRENT back during a
    rotation, the pending credential is for the user that applications use again.
    """
    if pending.identity != current.identity:
        return False
    return strategy.generate(current).identity != current.identity
