"""The interface of a strategy: the calls of one service, and nothing about staging labels.

The families differ in who makes the value:
    Generator   makes it here; no service has to know it
    Setter      makes it here, and sets it on a service that accepts the current one, too
    Replacer    makes it here, and sets it on a service that accepts one value at a time
    Issuer      asks a service, which makes the value and shows it once

The engine decides the rest, once for all strategies: who owns a credential, how room is made for
a new one, and how long the previous one lives. It calls a method only while the conditions under
"Before" hold; the strategy makes sure that those under "After" hold when the method returns.

Lambda may stop the function at any line and deliver a step twice. So each method may run again, in
another process, after any part of it has run. Every method may raise any class of rotation.errors;
"Raises" names those to which the engine reacts, or which a method must raise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from datetime import datetime

# A secret's value: the fields of a JSON object, or a plain text.
Value: TypeAlias = Mapping[str, object] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential with its value. Its repr shows which one it is, and never the value."""

    # Names the credential in messages and in the log, so it must be public. Two credentials of one
    # owner that exist at the same time must have different identities if an issuer lists them.
    identity: str
    owner: str
    value: Value = field(repr=False)
    # When it expires; None: it stays valid until someone retires it.
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A credential as its issuer lists it, without its value."""

    identity: str
    owner: str
    created: datetime
    # The mark that it was issued with, if the service keeps it.
    mark: str | None = None
    # Whether the service accepts it. Someone may deactivate a credential, and undo that.
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """The last use of a credential, as its service shows it."""

    time: datetime
    # Which service was called with it, and in which region.
    service: str
    region: str


class Strategy(Protocol):
    """The members that all families have."""

    @property
    def owner(self) -> str:
        """The owner of all credentials of this strategy, in the service's own words.

        The engine compares it with the owner that parse reads from a value, and stops the rotation
        if they differ. So it must name everything that makes an account: the user, the host.
        """

    @property
    def shape(self) -> str:
        """The form of a value, for the message about a value that has another form."""

    def parse(self, value: Value) -> Credential | None:
        """Recognise a value of this strategy.

        Before: the value may be anything: of another owner or strategy, or written by an operator.
        After: the credential has the value unchanged, and the owner that the value names. None if
            the value has another form. Nothing is called and nothing raised.
        Repeated: the same result.
        """


class OptionalAttributes(Protocol):
    """Attributes that a strategy may have, too. The engine reads each by its name."""

    @property
    def own_fields(self) -> Collection[str]:
        """All fields of its values. The engine adds no old one of them to a new value.

        Without it, a new value gets each field of the current value that it does not have.
        """

    @property
    def ends_previous(self) -> bool:
        """Whether the apply of a Setter ends the previous credential. Without it: False.

        If so, the engine waits for the overlap before it makes a value.
        """

    @property
    def needs_known(self) -> bool:
        """Whether apply needs a credential that the service accepts. Without it: False.

        If so, the engine looks for one in all versions if the service rejects the current one.
        """


@runtime_checkable
class Generator(Strategy, Protocol):
    """Makes a value that no service has to know."""

    def generate(self, current: Credential | None) -> Credential:
        """Make a new value, with the randomness of the standard library's `secrets`.

        Before: the owner of the current credential is this strategy's owner. There is no current
            credential if the secret has no other value, or only one that was never set.
        After: parse recognises the value and finds this strategy's owner in it. No earlier value
            is equal. Nothing is changed anywhere.
        Repeated: another value. The engine stores one value per rotation.
        """


@runtime_checkable
class Setter(Generator, Protocol):
    """Makes a value, and sets it on a service that accepts the current one, too."""

    def apply(self, pending: Credential, current: Credential | None) -> None:
        """Make the service accept the pending credential.

        Before: the pending credential is stored, and its owner is this strategy's owner. The
            service has just accepted the current credential, which applications use. There is
            none in the first rotation, and if the service rejects what the secret has as its
            current value. With `needs_known`, it may then be a credential of another version.
        After: the service accepts both. It need not accept any other credential of this owner.
        Repeated: the same result; nothing is added a second time.
        """

    def verify(self, credential: Credential) -> None:
        """Use the credential, for instance log in with it.

        Before: the owner of the credential is this strategy's owner.
        After: the service has accepted the credential. Nothing is changed.
        Repeated: the same.

        Raises:
            CredentialRejected: The service rejects the credential.
            ServiceUnavailable: The service gave no usable answer, which is not a rejection.
        """


@runtime_checkable
class Revoker(Generator, Protocol):
    """A Setter or Replacer that can end all that a leaked credential gives, when a responder asks.

    A Setter without it ends none. A Replacer has ended all others, and may implement it to end
    sessions.
    """

    def end_others(self, current: Credential) -> None:
        """Make the service reject each credential of this owner but the current one.

        Before: the current credential is AWSCURRENT, and the service has just accepted it.
        After: the service accepts it, and rejects each other one that apply or replace has set,
            also in sessions that are open. The next rotation can set another one.
        Repeated: the same result.
        """


@runtime_checkable
class Replacer(Generator, Protocol):
    """Makes a value, and sets it on a service that accepts one value at a time.

    Applications lose the current value when the service gets its successor. So the engine replaces
    it in finishSecret, right before the promotion, and sets it again if the proof fails.
    """

    def check(self, pending: Credential, known: Iterable[Credential]) -> None:
        """Look for all that would make replace fail.

        Before: as before replace.
        After: nothing is changed.
        Repeated: the same.

        Raises:
            CredentialRejected: The service accepts none of the known credentials, and replace
                needs one.
        """

    def replace(self, pending: Credential, known: Iterable[Credential]) -> None:
        """Make the service accept the pending credential, in place of any other one.

        Before: the pending credential is stored, and its owner is this strategy's owner.
        After: the service accepts the pending credential. It need not accept any other one.
        Repeated: the same result.

        Args:
            pending: the credential to set.
            known: the credentials of this owner that the service may accept, the most likely
                first. Each is read when it is asked for.

        Raises:
            CredentialRejected: The service accepts none of the known credentials, and one was
                needed. Nothing was changed.
        """

    def verify(self, credential: Credential) -> None:
        """Use the credential, for instance log in with it.

        Before: the owner of the credential is this strategy's owner.
        After: the service has accepted the credential. Nothing is changed.
        Repeated: the same.

        Raises:
            CredentialRejected: The service rejects the credential.
            ServiceUnavailable: The service gave no usable answer, which is not a rejection.
        """


@runtime_checkable
class Issuer(Strategy, Protocol):
    """Asks a service for a credential, which makes the value and shows it once."""

    @property
    def slots(self) -> int | None:
        """How many credentials the owner may have at a time; at least 2.

        None: any number. Such a service must keep the mark of each credential that it lists, or
        list nothing.
        """

    @property
    def adopted(self) -> str | None:
        """The identity of the one credential made elsewhere that may be retired as a previous one.

        It counts as in use until the first rotation is over. None: there is no such credential.
        """

    @property
    def adopt_with(self) -> str | None:
        """The variable that adopts a credential, for the message about a foreign one.

        None: a credential that was made elsewhere cannot be adopted.
        """

    @property
    def settling_seconds(self) -> int:
        """How long the service must accept a new credential without a rejection to verify it."""

    @property
    def retires_demoted(self) -> bool:
        """Whether the previous credential is retired as soon as its successor is current."""

    def inventory(self) -> Sequence[Issued]:
        """List the owner's credentials.

        After: the list has each credential that takes a slot, disabled ones included. Without
            slots, it has at least each credential with a mark. A credential that was made or
            retired in the last seconds may be wrong in it. Nothing is changed.
        Repeated: the list as it is then.
        """

    def issue(self, mark: str) -> Credential:
        """Ask the service for a new credential, once: without the SDK's retries.

        Before: the owner has a free slot, as far as inventory shows. The attempt is recorded on
            the secret if there are slots.
        After: one more credential exists, with this mark if the service can keep one. parse
            recognises its value.
        Repeated: one more credential, which the engine finds again by its time or its mark.

        Args:
            mark: 53 characters of 0-9, a-f and -, which identify this secret and this rotation.

        Raises:
            RotationError: No credential was made; or, with `answer_lost`, it is unknown.
        """

    def verify(self, credential: Credential) -> None:
        """Use the credential, for instance log in with it.

        Before: the owner of the credential is this strategy's owner.
        After: the service has accepted the credential. Nothing is changed.
        Repeated: the same.

        Raises:
            CredentialRejected: The service rejects the credential, maybe because it is new.
            ServiceUnavailable: The service gave no usable answer, which is not a rejection.
        """

    def retire(self, issued: Issued, credential: Credential | None) -> None:
        """End a credential.

        Before: this secret issued or adopted the credential, and it is not the current one.
        After: the service rejects it, and its slot is free. No other credential is changed.
        Repeated: a success; also if someone else has ended it.

        Args:
            issued: the credential to end.
            credential: the same with its value, if a version of the secret holds it.
        """


@runtime_checkable
class Deactivator(Issuer, Protocol):
    """An Issuer whose service says when a credential was last used, and can deactivate it."""

    def last_use(self, issued: Issued) -> Use | None:
        """Return the last use of a credential; None: the service knows of none.

        After: nothing is changed. A use of the last day may be missing.
        Repeated: the same, or a later use.
        """

    def deactivate(self, issued: Issued) -> None:
        """Make the service reject a credential, until it is reactivated.

        Before: this secret issued or adopted the credential, and it is not the current one.
        After: the service rejects it. It keeps its slot.
        Repeated: the same.
        """

    def reactivate(self, issued: Issued) -> None:
        """Undo deactivate.

        After: the service accepts the credential.
        Repeated: the same.
        """
