"""All errors that stop a rotation: one class for each way in which an operator reacts.

    RotationError
    ├── AlreadyStored        another delivery stored its value first: nothing to do
    ├── ConfigurationError   a variable is wrong: change it, then apply
    ├── CredentialRejected   the service rejects a credential
    ├── ForeignCredential    a credential that is not ours takes the slot: decide about it
    ├── GivenUp              a rotation could not end, and was given up: find out why
    ├── InternalError        a bug: report it, or fix the custom rotator
    ├── NotYet               another invocation may still run, or a value is not readable: wait
    ├── OutOfTime            raise the function's timeout
    ├── PermissionDenied     grant the named action
    ├── ProtocolError        an event, label or response is not as documented
    ├── ServiceUnavailable   the retry may succeed
    └── TooSoon              the overlap is not over: wait

A message consists of fields that are safe to log, and never of the text of a service or of another
error: botocore's ParamValidationError prints the invalid value, and JSONDecodeError.doc is the
whole secret. For the same reason our errors are raised outside of `except` blocks: they must not
have a `__context__`.

A strategy or a service that needs a message of its own makes it itself, with one of these classes.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_SOMETHING_ELSE = (
    "Rotate again. If the error persists, check whether a proxy or a VPC endpoint answers in place "
    "of the service."
)


class RotationError(Exception):
    """A rotation stopped. The message is safe to log."""

    retry_may_cure: ClassVar[bool] = False

    def __init__(
        self, message: str, *, answer_lost: bool = False, pause: float | None = None
    ) -> None:
        """Keep what the caller has to know.

        Args:
            message: what happened, and what to do. It is logged.
            answer_lost: whether the failed call may have taken effect although no answer arrived.
            pause: after how many seconds the step may be repeated; None: not in this invocation.
        """
        super().__init__(message)
        self.answer_lost = answer_lost
        self.pause = pause


class AlreadyStored(RotationError):
    """The version has another value: a second delivery of the step stored its own first."""

    retry_may_cure = True

    def __init__(self, *, secret: str, version_id: str) -> None:
        super().__init__(
            f"Version {version_id} of {secret} already has another value, which was not changed. "
            "The retry of the rotation continues with that value."
        )


class ConfigurationError(RotationError):
    """A variable of the module does not fit the service or the secret. Nothing was changed."""

    @classmethod
    def setting(cls, *, field: str, given: object, allowed: str) -> Self:
        """Refuse one field of the settings. Settings never contain a credential."""
        return cls(
            f"Setting {field} must be {allowed}. Found: {_show(given)}. "
            "Change it in the module's variables and apply again."
        )

    @classmethod
    def unknown_setting(cls, *, field: str, given: object) -> Self:
        """Refuse a field of the settings that nothing reads: a misspelt one must not be ignored."""
        return cls(
            f"Setting {field} does not exist. Found: {_show(given)}. "
            "Remove it from the module's variables and apply again."
        )

    @classmethod
    def old_sdk(cls, *, field: str) -> Self:
        """Refuse to start with an SDK that would reject or drop a field."""
        return cls(
            f"The AWS SDK of this function doesn't know the field {field}. Nothing was changed. "
            "Set function.runtime to a newer version of Python, or add a layer with a newer boto3 "
            "to function.layers, then rotate again."
        )

    @classmethod
    def other_kind(cls, *, secret: str, version_id: str, shape: str) -> Self:
        """Refuse a value that another strategy or an operator has written."""
        return cls(
            f"Version {version_id} of {secret} must be {shape}, which is the form that this "
            "strategy stores. The version was not changed. Use a new secret name for this "
            "strategy, or put a value of that form, then rotate again."
        )

    @classmethod
    def other_owner(cls, *, secret: str, version_id: str, configured: str) -> Self:
        """Refuse a value of another owner than the configured one.

        The owner in the value is not shown: someone may have put a password in its place.
        """
        return cls(
            f"Version {version_id} of {secret} has a credential of another owner than "
            f"{configured}, for which the module is configured. The version was not changed. Use "
            f"a new secret name for {configured}, or change the configuration back to the owner in "
            "the secret's value."
        )


class CredentialRejected(RotationError):
    """The service rejects a credential, which may be too new."""

    retry_may_cure = True

    def __init__(
        self, *, owner: str, identity: str, needed: str | None = None, cure: str | None = None
    ) -> None:
        """Say what to check.

        Args:
            owner: whose credential it is.
            identity: which one it is.
            needed: the permission without which the service rejects a valid credential too.
            cure: what to do; None: what to do if a new credential takes time to work.
        """
        permission = f", and whether its owner has the permission {needed}" if needed else ""
        cure = cure or (
            "A new credential can take a minute to work; the retry waits for that. If the error "
            f"persists, check whether the credential was disabled or deleted{permission}."
        )
        super().__init__(f"The service rejected credential {identity} of {owner}. {cure}")


class ForeignCredential(RotationError):
    """Credentials that this secret did not issue take the slot that the new one needs."""

    def __init__(self, *, owner: str, identities: Iterable[str], adopt_with: str | None) -> None:
        """Say what to decide.

        Args:
            owner: whose credentials they are.
            identities: which ones they are.
            adopt_with: the variable that adopts one of them; None: the strategy has none.
        """
        adopt = f"set {adopt_with} to the one that this secret replaces, " if adopt_with else ""
        super().__init__(
            f"{owner} has no room for a new credential. This secret did not issue "
            f"{', '.join(sorted(identities))}. Nothing was changed. Delete a credential that "
            f"nothing uses, {adopt}or use another owner, then rotate again."
        )


class GivenUp(RotationError):
    """A rotation could not end for the time of an option. The next one has a new version."""


class InternalError(RotationError):
    """An error that no code here expects. Its text may quote a credential, so it is not shown."""

    def __init__(self, *, kind: str, place: str, source: str | None = None) -> None:
        """Say who can fix it.

        Args:
            kind: the class of the unexpected error.
            place: the file and the line, or the action.
            source: the variable that names the file, if it is the user's own.
        """
        bug = "This is a bug in the module: report it with this message."
        if source is not None:
            bug = f"This is a bug in the file of {source}: fix it, or raise an error class of "
            bug += "rotation.api there."
        super().__init__(f"Unexpected {kind} at {place}. {bug} Retrying is safe.")


class NotYet(RotationError):
    """The step cannot go on now, and its repetition can."""

    retry_may_cure = True

    @classmethod
    def attempt(cls, *, owner: str, until: datetime, pause: float) -> Self:
        """Wait for an invocation that may still store a credential.

        Args:
            owner: whose credential it is.
            until: the time after which it stores nothing, and all reads show what it did.
            pause: how many seconds that takes.
        """
        return cls(
            "Another invocation of the function may still store a new credential of "
            f"{owner} until {until:%Y-%m-%dT%H:%M:%SZ}. Nothing was changed. The retry of the "
            "rotation continues after that.",
            pause=pause,
        )

    @classmethod
    def labels(cls, *, secret: str, pause: float) -> Self:
        """Read the labels again: another invocation, or an operator, is changing them."""
        return cls(
            f"The staging labels of {secret}, or its tag rotation-attempt, changed while they were "
            "read. Nothing was changed. The retry of the rotation reads them again.",
            pause=pause,
        )

    @classmethod
    def no_value(cls, *, secret: str, version_id: str) -> Self:
        """Report a version whose value Secrets Manager does not show."""
        return cls(
            f"Version {version_id} of {secret} has no value yet, or Secrets Manager does not show "
            "it yet. createSecret must come first. The retry of the rotation begins with it. If "
            "the error persists, start a new rotation with RotateSecret."
        )


class OutOfTime(RotationError):
    """Lambda would stop the function in the middle of work that must not be interrupted."""

    def __init__(self, *, step: str, needed: float, left: float) -> None:
        super().__init__(
            f"{step} needs {needed:.0f} s, and the function has {left:.0f} s left. Raise "
            "function.timeout, or lower settling_seconds."
        )


class PermissionDenied(RotationError):
    """The caller has no permission for an action."""

    def __init__(self, *, action: str, resource: str, cure: str | None = None) -> None:
        """Say where to grant it.

        Args:
            action: the denied action.
            resource: what it was denied on.
            cure: what to do; None: what to do about a denial by AWS.
        """
        cure = cure or (
            "Grant it to the function's role, and check whether a permissions boundary, a key "
            "policy or an organization's policy denies it. If a policy was changed within the last "
            "minutes, only rotate again."
        )
        super().__init__(f"{action} on {resource} is denied. {cure}")


class ProtocolError(RotationError):
    """An event, a staging label or a response is not as its service documents it."""

    @classmethod
    def event(cls, *, field: str, given: object, allowed: str, sensitive: bool = False) -> Self:
        """Refuse one field of the rotation event, which is shown unless it is sensitive."""
        shown = _kind(given) if sensitive else _show(given)
        return cls(
            f"Field {field} of the event must be {allowed}. Found: {shown}. Let Secrets Manager "
            "invoke the function, by RotateSecret or its schedule."
        )

    @classmethod
    def not_staged(cls, *, secret: str, version_id: str) -> Self:
        """Refuse a token whose rotation is over: its version is not AWSPENDING, or not now."""
        return cls(
            f"The rotation of {secret} to version {version_id} was cancelled, or another value was "
            "put or promoted since. No value was changed. Start a new rotation with RotateSecret."
        )

    @classmethod
    def gone(cls, *, secret: str, version_id: str, identity: str) -> Self:
        """Give up a value whose credential its issuer no longer lists."""
        return cls(
            f"Credential {identity} in version {version_id} of {secret} was deleted before it "
            "became current. The rotation was cancelled. Start a new one with RotateSecret, or "
            "wait for the schedule."
        )

    @classmethod
    def unexpected_code(cls, *, action: str, resource: str, code: str) -> Self:
        """Report an error code that no rule of ours covers."""
        return cls(
            f"{action} on {resource} returned the error {code}. Look it up in the service's API "
            "reference, then rotate again."
        )

    @classmethod
    def no_code(cls, *, action: str, resource: str, status: int) -> Self:
        """Report an error that may not be the service's. The call may have taken effect."""
        return cls(
            f"{action} on {resource} returned HTTP status {status} without an error code. "
            f"{_SOMETHING_ELSE}",
            answer_lost=True,
        )

    @classmethod
    def malformed(
        cls, *, action: str, resource: str, field: str, given: object, allowed: str
    ) -> Self:
        """Refuse one field of a response, which is not shown. The call may have taken effect.

        Args:
            action: the action, such as s3:GetObject.
            resource: what it was about.
            field: the path to the field; empty for the whole response.
            given: what the response has there.
            allowed: what it must have there.
        """
        place = f"for {field}" if field else "as the response"
        return cls(
            f"{action} on {resource} returned {_kind(given)} {place}; expected {allowed}. "
            f"{_SOMETHING_ELSE}",
            answer_lost=True,
        )

    @classmethod
    def endless(cls, *, action: str, resource: str, pages: int) -> Self:
        """Refuse a list in which each page announces another one."""
        return cls(f"{action} on {resource} returned more than {pages} pages. {_SOMETHING_ELSE}")

    @classmethod
    def expired(cls, *, secret: str, version_id: str) -> Self:
        """Refuse a value that expired before it was promoted."""
        return cls(
            f"Version {version_id} of {secret} has a credential that expired before it became "
            "current. The rotation was cancelled. Start a new one with RotateSecret, or wait for "
            "the schedule."
        )


class ServiceUnavailable(RotationError):
    """The service gave no usable response."""

    retry_may_cure = True

    def __init__(  # noqa: PLR0913 -- they are named, and most are left out
        self,
        *,
        action: str,
        resource: str,
        answer_lost: bool,
        pause: float | None = None,
        until: datetime | None = None,
        reason: str | None = None,
    ) -> None:
        """Keep when the service may be called again.

        Args:
            action: the request.
            resource: what it was about.
            answer_lost: whether the call may have taken effect.
            pause: how many seconds to wait, if the service reported a rate limit.
            until: the time when these seconds are over.
            reason: what happened and what to do, after the action; None: no response arrived.
        """
        reason = reason or (
            "got no usable response. The retry of the rotation may succeed. If it does not, check "
            "the service's health and the function's network."
        )
        if until is not None:
            reason = f"exceeds a rate limit of the service until {until:%Y-%m-%dT%H:%M:%SZ}. The "
            reason += "retry of the rotation may succeed after that. If it does not, check what "
            reason += "else uses up the limit."
        super().__init__(f"{action} on {resource} {reason}", answer_lost=answer_lost, pause=pause)


class TooSoon(RotationError):
    """Applications may still use the credential that the rotation would retire."""

    retry_may_cure = True

    def __init__(self, *, identities: Iterable[str], until: datetime) -> None:
        super().__init__(
            f"{', '.join(sorted(identities))} may still be in use until "
            f"{until:%Y-%m-%dT%H:%M:%SZ}. Nothing was changed. Rotate again after that, or lower "
            "minimum_overlap_minutes."
        )


_KINDS = {
    bool: "a boolean",
    bytes: "unexpected bytes",
    datetime: "an unexpected time",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "an unexpected string",
}


def _kind(given: object) -> str:
    return "nothing" if given is None else _KINDS.get(type(given), f"a {type(given).__name__}")


def _show(given: object) -> str:
    """Show a wrong value if it is short; a long one is not needed to find the mistake."""
    # Python refuses to write a number of thousands of digits.
    short = isinstance(given, int) and given.bit_length() < 100  # noqa: PLR2004 -- half a line
    text = repr(given) if short or isinstance(given, str | float | None) else ""
    return text if 0 < len(text) <= 100 else f"a {type(given).__name__}"  # noqa: PLR2004 -- a line
