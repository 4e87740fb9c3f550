"""Every way in which a rotation stops, one class per reaction of the person who reads it.

    RotationError
    ├── AlreadyStored        another delivery was first: nobody acts, the engine cleans up
    ├── ConfigurationError   a variable is wrong: change it, apply
    ├── CredentialRejected   the service says no to a credential
    ├── ForeignCredential    a credential that is not ours holds the slot: decide about it
    ├── InternalError        a defect of this module: report it
    ├── OutOfTime            raise the function's time-out
    ├── PermissionDenied     grant the named action
    ├── ProtocolError        an event, label or answer is not as documented
    ├── ServiceUnavailable   the retry may succeed
    └── TooSoon              the overlap is not over: wait

A message is built from typed, safe fields only, never from the text of a service or of a cause:
botocore's ParamValidationError prints the offending value, and JSONDecodeError.doc is the whole
secret. For the same reason our errors are raised outside of `except` blocks, so that they carry
no `__context__`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


class RotationError(Exception):
    """A rotation stopped. Its text is safe to log."""

    retry_may_cure: ClassVar[bool] = False

    def __init__(self, message: str, *, answer_lost: bool = False) -> None:
        """Keep whether the failed call may have taken effect although no answer arrived."""
        super().__init__(message)
        self.answer_lost = answer_lost


class AlreadyStored(RotationError):
    """The version holds another value: a second delivery of the step stored its own first."""

    retry_may_cure = True

    def __init__(self, *, secret: str, version_id: str) -> None:
        super().__init__(
            f"Version {version_id} of {secret} already holds another value; it was left as it is. "
            "The retry of the rotation goes on with that value."
        )


class ConfigurationError(RotationError):
    """What the module was told cannot be carried out. Nothing was changed."""

    @classmethod
    def setting(cls, *, field: str, given: object, allowed: str) -> Self:
        """Refuse one field of the settings, which never hold a credential."""
        return cls(
            f"Setting {field} is {_shown(given)}; allowed is {allowed}. "
            "Set it with the module's variables and apply again."
        )

    @classmethod
    def other_kind(cls, *, secret: str, version_id: str, shape: str) -> Self:
        """Refuse a value that another strategy, or a person, has written."""
        return cls(
            f"Version {version_id} of {secret} does not hold {shape}, as this strategy stores; it "
            "was left as it is. Use a new secret name for this strategy, or put a value of that "
            "form, then rotate again."
        )

    @classmethod
    def other_owner(cls, *, secret: str, version_id: str, found: str, configured: str) -> Self:
        """Refuse a value that belongs to another owner than the configured one."""
        return cls(
            f"Version {version_id} of {secret} holds a credential of {found}, but the module is "
            f"set to {configured}; it was left as it is. Use a new secret name for "
            f"{configured}, or set the module back to {found}."
        )

    @classmethod
    def no_such_owner(cls, *, owner: str) -> Self:
        """Refuse an owner that the service does not know."""
        return cls(
            f"{owner} does not exist. Create it, or correct the name and the path in the "
            "variable rotation, then rotate again."
        )

    @classmethod
    def wrong_identity(cls, *, identity: str, found: str, expected: str) -> Self:
        """Refuse a credential that works, but for somebody else."""
        return cls(
            f"Credential {identity} belongs to {found}, not to {expected}. Correct the name and "
            "the path in the variable rotation, then rotate again."
        )


class CredentialRejected(RotationError):
    """The service does not accept a credential, or not yet."""

    retry_may_cure = True

    def __init__(self, *, owner: str, identity: str) -> None:
        super().__init__(
            f"The service does not accept credential {identity} of {owner}. A new one can take a "
            "while to be accepted, which the retry waits for; if it stays so, see whether "
            "somebody has deactivated or deleted it."
        )


class ForeignCredential(RotationError):
    """The service holds credentials that this module did not make, where the new one must go."""

    def __init__(self, *, owner: str, identities: Iterable[str]) -> None:
        super().__init__(
            f"{owner} holds {', '.join(sorted(identities))}, which this secret never issued; "
            "nothing was changed. Delete it if nothing uses it, adopt it with "
            "adopted_access_key_id if this secret replaces it, or use another owner, then rotate "
            "again."
        )


class InternalError(RotationError):
    """Something failed that no code here expects; its text may quote a credential, so it goes."""

    def __init__(self, *, kind: str, place: str) -> None:
        super().__init__(
            f"{kind} at {place}, which is a defect of the rotation function. Report it with this "
            "line; the retry of the rotation is safe."
        )


class OutOfTime(RotationError):
    """The invocation would end in the middle of what cannot be interrupted cleanly."""

    def __init__(self, *, step: str, needed: float, left: float) -> None:
        super().__init__(
            f"{step} needs {needed:.0f} s, and the function has {left:.0f} s left. Raise timeout "
            "in the variable function, or lower settling_seconds."
        )


class PermissionDenied(RotationError):
    """The function's role, a boundary, a key policy or an organisation's policy says no."""

    def __init__(self, *, action: str, resource: str) -> None:
        super().__init__(
            f"{action} on {resource} is denied. Grant it to the function's role, and see whether "
            "a permissions boundary, a key policy or an organisation's policy denies it."
        )


class ProtocolError(RotationError):
    """An event, a staging label or an answer is not as AWS documents it."""

    @classmethod
    def event(cls, *, field: str, given: object, allowed: str) -> Self:
        """Refuse one field of the rotation event."""
        return cls(
            f"Field {field} of the event is {_shown(given)}; allowed is {allowed}. Let Secrets "
            "Manager invoke the function, by RotateSecret or its schedule."
        )

    @classmethod
    def not_staged(cls, *, secret: str, version_id: str) -> Self:
        """Refuse a token whose rotation is over: AWSPENDING is not on its version, or not now."""
        return cls(
            f"The rotation of {secret} to version {version_id} was given up, or a person has put "
            "or promoted another value since; no value was changed. Start a new rotation with "
            "RotateSecret."
        )

    @classmethod
    def no_value(cls, *, secret: str, version_id: str) -> Self:
        """Refuse a step that came before createSecret."""
        return cls(
            f"Version {version_id} of {secret} has no value yet. createSecret comes first; start "
            "the rotation again with RotateSecret."
        )

    @classmethod
    def answer(cls, *, action: str, resource: str, code: str) -> Self:
        """Report an error code that no rule of ours covers."""
        code = code if re.fullmatch(r"[A-Za-z0-9_.]{1,64}", code) else "an unreadable error"
        return cls(
            f"{action} on {resource} was answered with {code}. See what the service's API "
            "reference says of it, then rotate again."
        )


class ServiceUnavailable(RotationError):
    """The service gave no usable answer."""

    retry_may_cure = True

    def __init__(self, *, action: str, resource: str, answer_lost: bool) -> None:
        super().__init__(
            f"{action} on {resource} got no usable answer. The retry of the rotation may succeed; "
            "if it does not, see the service's health and the function's network.",
            answer_lost=answer_lost,
        )


class TooSoon(RotationError):
    """Readers may still hold the credential that the rotation would retire."""

    retry_may_cure = True

    def __init__(self, *, identities: Iterable[str], until: datetime) -> None:
        super().__init__(
            f"{', '.join(sorted(identities))} may still be in use until "
            f"{until:%Y-%m-%dT%H:%M:%SZ}; nothing was changed. Rotate again after that, or lower "
            "minimum_overlap_minutes."
        )


def _shown(given: object) -> str:
    """Show enough of a wrong value to find it; what is long is hardly what was meant."""
    text = repr(given) if isinstance(given, str | int | float | bool | None) else ""
    return text if 0 < len(text) <= 100 else f"a {type(given).__name__}"  # noqa: PLR2004 -- a line
