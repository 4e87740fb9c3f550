"""Whose a credential is. That decides whether the module may retire it.

    kept      AWSCURRENT has it, or it was adopted and applications still use it: never retired
    ours      another version of the secret has it, or it was adopted
    orphan    no version has it, and an attempt of ours must have made it
    foreign   all others: never retired

A field of a value that is not the strategy's own survives every rotation.

Nothing here makes a call: each answer follows from the facts that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rotation.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from rotation.attempt import Attempt
    from rotation.secret import Version
    from rotation.strategy import Credential, Issued, Strategy, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A version of the secret, with a credential of the configured owner."""

    version: Version
    credential: Credential

    def since(self, *times: datetime | None) -> datetime:
        """Return since when it is AWSCURRENT: its creation, or the latest of some other times."""
        return max(filter(None, (self.version.created, *times)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An issuer with few slots: the record of the last attempt shows what is an orphan."""

    attempt: Attempt | None

    def may_be_ours(self, _issued: Issued) -> bool:
        """Any credential may be ours, because none has a mark."""
        return True

    def orphans(self, facts: Facts, leftovers: AbstractSet[str]) -> AbstractSet[str]:
        """Return the credential that the attempt made but did not store."""
        attempt = self.attempt
        if attempt is None or facts.settle(attempt):
            return frozenset()
        possible = {one.identity for one in facts.held if attempt.may_have_made(one)}
        # If there are two, one of them is foreign, and nothing shows which.
        return leftovers & possible if len(possible) == 1 else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An issuer with room: the mark that it keeps shows which secret a credential is for."""

    prefix: str

    def may_be_ours(self, issued: Issued) -> bool:
        """Only a credential with this secret's mark is ours. Others are ignored."""
        return str(issued.mark).startswith(self.prefix)

    def orphans(self, _facts: Facts, leftovers: AbstractSet[str]) -> AbstractSet[str]:
        """Return all of them: what has our mark was made for us, stored or not."""
        return leftovers


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known about the credentials of an issuer."""

    # The issuer's list.
    held: Sequence[Issued]
    current: Stored | None
    adopted: str | None
    evidence: Recorded | Marked
    # The other versions with a value that were read. None: the credential is not of this owner.
    versions: Mapping[str, Credential | None] = field(default_factory=dict)

    def settle(self, attempt: Attempt) -> bool:
        """Say whether the attempt has stored what it made: its version has such a credential.

        Another delivery of the same step may have stored that value. Then the attempt made another
        credential, or none.
        """
        stored = dict(self.versions)
        if self.current:
            stored[self.current.version.version_id] = self.current.credential
        if attempt.token not in stored:
            return False
        credential = stored[attempt.token]
        if credential is None:
            return True
        created = [one for one in self.held if one.identity == credential.identity]
        was_there = credential.identity in attempt.present
        return not was_there and all(attempt.may_have_made(one) for one in created)

    def with_version(self, version_id: str, credential: Credential | None) -> Facts:
        """Add a version that was read."""
        return replace(self, versions={**self.versions, version_id: credential})


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Whose each credential is, by its identity."""

    kept: AbstractSet[str]
    # With the value, if a version has it.
    ours: Mapping[str, Credential | None]
    orphans: AbstractSet[str]
    foreign: AbstractSet[str]

    def leftovers(self) -> AbstractSet[str]:
        """Return the credentials that no version has. One more version may have one of them."""
        return self.orphans | self.foreign


def sort_out(facts: Facts) -> Claims:
    """Decide whose each credential is."""
    # Without a current credential, applications still use the adopted one.
    in_use = facts.current.credential.identity if facts.current else facts.adopted
    kept = {in_use} if in_use else set()
    maybe_ours = {one.identity for one in facts.held if facts.evidence.may_be_ours(one)} - kept
    ours: dict[str, Credential | None] = {}
    for credential in facts.versions.values():
        if credential is not None and credential.identity in maybe_ours:
            ours.setdefault(credential.identity, credential)
    if facts.adopted and facts.adopted not in kept:
        ours[facts.adopted] = None
    leftovers = maybe_ours - ours.keys()
    orphans = facts.evidence.orphans(facts, leftovers)
    return Claims(kept=kept, ours=ours, orphans=orphans, foreign=leftovers - orphans)


def parse_ours(strategy: Strategy, version: Version) -> Credential | None:
    """Return the credential in a version; None: it has another form or owner."""
    credential = None if version.value is None else strategy.parse(version.value)
    return credential if credential and credential.owner == strategy.owner else None


def require_ours(strategy: Strategy, version: Version, *, secret: str) -> Credential:
    """Return the credential in a version, which must be of the configured strategy and owner.

    Raises:
        ConfigurationError: It is not.
    """
    credential = None if version.value is None else strategy.parse(version.value)
    if credential is None:
        raise ConfigurationError.other_kind(
            secret=secret, version_id=version.version_id, shape=strategy.shape
        )
    if credential.owner != strategy.owner:
        raise ConfigurationError.other_owner(
            secret=secret,
            version_id=version.version_id,
            configured=strategy.owner,
        )
    return credential


def kept_fields(strategy: Strategy, current: Stored | None, new: Value) -> Mapping[str, object]:
    """Return the fields of the current value that the next one has too, in their order.

    A field that the strategy names as its own belongs to the old credential. If the new credential
    doesn't have it, it is dropped: a key without an expiration must not get that of the old one.
    """
    if current is None or not isinstance(current.credential.value, Mapping):
        return {}
    own: Collection[str] = getattr(strategy, "own_fields", ())
    return {
        name: field
        for name, field in current.credential.value.items()
        if name in new or name not in own
    }
