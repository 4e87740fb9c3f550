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

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

_SOMETHING_ELSE = (
    "Rotate again; if it stays so, see whether a proxy or a VPC endpoint answers in place of the "
    "service."
)


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
    def no_strategy(cls, *, kind: str, lacks: Iterable[str]) -> Self:
        """Refuse what the user's own file defines."""
        return cls(
            f"The file of rotation.custom.source_file lacks {', '.join(lacks)}, which a {kind} has "
            "to have. Add it as lambda/rotation/strategy.py of the module describes it, "
            "apply, then rotate again."
        )

    @classmethod
    def no_python(cls, *, line: int | None) -> Self:
        """Refuse a file of the user's that cannot be imported."""
        return cls(
            f"Line {line} of the file of rotation.custom.source_file is no Python of the "
            "function's runtime. Mend it, or set function.runtime, apply, then rotate again."
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

    @classmethod
    def app_not_accepted(cls, *, service: str, client_id: str, key: str) -> Self:
        """Refuse an App of GitHub that the signature is not of."""
        return cls(
            f"{service} takes no signature of {key} for one of the App {client_id}. Correct "
            "client_id or api_url in the variable rotation, or import one of the App's private "
            "keys into KMS and set kms_key_arn to that key, then rotate again."
        )

    @classmethod
    def clocks(cls, *, service: str, ahead: float) -> Self:
        """Refuse a service whose clock is so far from ours that no signature is of its time."""
        return cls(
            f"The clock of {service} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} "
            "the function's, which AWS keeps right, so that it takes no signature for a fresh one. "
            "Set the clock of that server by NTP, then rotate again."
        )

    @classmethod
    def key_does_not_sign(cls, *, key: str) -> Self:
        """Refuse a KMS key that cannot sign for an App, or not now."""
        return cls(
            f"{key} does not sign with RSASSA_PKCS1_V1_5_SHA_256. Enable it, import the App's "
            "private key into it with tools/import_github_app_key.py, or correct kms_key_arn in "
            "the variable rotation, then rotate again."
        )

    @classmethod
    def moved(cls, *, resource: str) -> Self:
        """Refuse what has another name by now: no redirect is followed."""
        return cls(
            f"{resource} has moved to another name or address, which may be somebody else's; it "
            "was not followed. Correct the variable rotation, and use a new secret name, since a "
            "secret stays with one owner, then rotate again."
        )

    @classmethod
    def no_library(cls) -> Self:
        """Refuse to make key pairs without the library for it, which Lambda does not ship."""
        return cls(
            "The function does not find the library cryptography, or finds one for another "
            "architecture or version of Python. Make a layer of it for the function's architecture "
            "and runtime as the README says under GitHub deploy key, name the layer's ARN in "
            "function.layers, apply, then rotate again."
        )

    @classmethod
    def no_token(cls, *, secret: str) -> Self:
        """Refuse a secret that is to hold a token, and does not."""
        return cls(
            f"{secret} holds no token, neither as a text nor as the text token of a JSON object. "
            "Put one there, or correct token_secret_arn in the variable rotation, then rotate "
            "again."
        )

    @classmethod
    def token_not_accepted(cls, *, service: str, secret: str) -> Self:
        """Refuse a token that has expired, or was revoked."""
        return cls(
            f"{service} does not accept the token that {secret} holds: it has expired, was "
            "revoked, or is of another server. Put a good one there, or correct token_secret_arn "
            "or api_url in the variable rotation, then rotate again."
        )

    @classmethod
    def no_deploy_keys(cls, *, owner: str) -> Self:
        """Refuse a repository that takes no deploy key."""
        return cls(
            f"{owner} takes no deploy key. Have an owner of the organisation allow them under "
            "Settings, Member privileges, Deploy keys, which new organisations forbid, then rotate "
            "again."
        )

    @classmethod
    def not_granted(cls, *, owner: str, lacking: Iterable[str]) -> Self:
        """Refuse a narrowing that is none, because the whole has less."""
        return cls(
            f"{owner} does not have {', '.join(sorted(lacking)) or 'one of the repositories'}. Add "
            "it to the App's permissions or to the installation's repositories and have an owner "
            "of the account accept it, or leave it out of the variable rotation, then rotate again."
        )

    @classmethod
    def not_installed(cls, *, owner: str, client_id: str) -> Self:
        """Refuse an installation that the App does not have."""
        return cls(
            f"The App {client_id} does not have {owner}: it was uninstalled, or one of the two is "
            "wrong. Install the App and set installation_id to the number at the end of the "
            "installation's address, or correct client_id, then rotate again."
        )

    @classmethod
    def not_there(cls, *, resource: str) -> Self:
        """Refuse what GitHub does not show to who asks."""
        return cls(
            f"{resource} does not exist, or may not be seen. Correct its name in the variable "
            "rotation, or let the App's installation or the token reach it, then rotate again."
        )

    @classmethod
    def suspended(cls, *, owner: str) -> Self:
        """Refuse an installation that an owner of the account has stopped."""
        return cls(
            f"{owner} is suspended. Have an owner of the account lift that under Settings, GitHub "
            "Apps, then rotate again."
        )


class CredentialRejected(RotationError):
    """The service does not accept a credential, or not yet."""

    retry_may_cure = True

    def __init__(self, *, owner: str, identity: str, needed: str | None = None) -> None:
        """Name the cure.

        Args:
            owner: whose it is.
            identity: which.
            needed: what the owner has to be allowed, where the service refuses for that too.
        """
        lacking = f", or whether its owner lacks {needed}" if needed else ""
        super().__init__(
            f"The service does not accept credential {identity} of {owner}. A new one can take a "
            "while to be accepted, which the retry waits for; if it stays so, see whether "
            f"somebody has deactivated or deleted it{lacking}."
        )


class ForeignCredential(RotationError):
    """The service holds credentials that this module did not make, where the new one must go."""

    def __init__(self, *, owner: str, identities: Iterable[str]) -> None:
        super().__init__(
            f"{owner} holds {', '.join(sorted(identities))}, which this secret never issued; "
            "nothing was changed. Delete it if nothing uses it, adopt it in the variable rotation "
            "if this secret replaces it, or use another owner, then rotate again."
        )


class InternalError(RotationError):
    """Something failed that no code here expects; its text may quote a credential, so it goes."""

    def __init__(self, *, kind: str, place: str, theirs: bool = False) -> None:
        """Say whose defect it is.

        Args:
            kind: of the error.
            place: the file and the line, or the action.
            theirs: whether it is a line of the user's own file.
        """
        cure = "the rotation function. Report it with this line"
        if theirs:
            cure = "the file of rotation.custom.source_file. Mend it, or have it raise a class of "
            cure += "rotation.errors"
        super().__init__(
            f"{kind} at {place}, which is a defect of {cure}; the retry of the rotation is safe."
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

    def __init__(self, *, action: str, resource: str, needed: str | None = None) -> None:
        """Name the cure.

        Args:
            action: what was denied.
            resource: on what.
            needed: the permission of GitHub's that lacks, empty if it does not say which; None
                where it was AWS that denied.
        """
        cure = "Grant it to the function's role, and see whether a permissions boundary, a key "
        cure += "policy or an organisation's policy denies it."
        if needed is not None:
            cure = f"Grant the App or the token {needed or 'the permission for it'}, have an owner "
            cure += "of the account accept it, and see whether the account has a list of the "
            cure += "addresses that may ask."
        super().__init__(f"{action} on {resource} is denied. {cure}")


class ProtocolError(RotationError):
    """An event, a staging label or an answer is not as AWS documents it."""

    @classmethod
    def event(cls, *, field: str, given: object, allowed: str, sensitive: bool = False) -> Self:
        """Refuse one field of the rotation event, which is shown unless it is sensitive."""
        shown = _kind(given) if sensitive else _shown(given)
        return cls(
            f"Field {field} of the event is {shown}; allowed is {allowed}. Let Secrets "
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
        return cls(
            f"{action} on {resource} was answered with {code}. See what the service's API "
            "reference says of it, then rotate again."
        )

    @classmethod
    def no_code(cls, *, action: str, resource: str, status: int) -> Self:
        """Report an error that may not be the service's. Whether the call took effect is open."""
        return cls(
            f"{action} on {resource} was answered with HTTP status {status} and no error code. "
            f"{_SOMETHING_ELSE}",
            answer_lost=True,
        )

    @classmethod
    def malformed(
        cls, *, action: str, resource: str, field: str, given: object, allowed: str
    ) -> Self:
        """Refuse one field of an answer, which is not shown. Whether the call took effect is open.

        Args:
            action: the IAM action.
            resource: on what.
            field: with the path to it.
            given: what stands there.
            allowed: what should.
        """
        return cls(
            f"{action} on {resource} was answered with {_kind(given)} as {field or 'a whole'}; "
            f"documented is {allowed}. {_SOMETHING_ELSE}",
            answer_lost=True,
        )

    @classmethod
    def endless(cls, *, action: str, resource: str, pages: int) -> Self:
        """Refuse a list whose every page announces another one."""
        return cls(f"{action} on {resource} has no end after {pages} pages. {_SOMETHING_ELSE}")

    @classmethod
    def expired(cls, *, secret: str, version_id: str) -> Self:
        """Refuse a value that has ended by itself before it was promoted."""
        return cls(
            f"Version {version_id} of {secret} holds a credential that expired before it was "
            "promoted; the rotation was given up. Start a new one with RotateSecret, as the "
            "schedule does by itself."
        )

    @classmethod
    def narrowed_otherwise(
        cls, *, owner: str, beyond: Iterable[str], lacking: Iterable[str]
    ) -> Self:
        """Refuse a token that may do more, or less, than it was asked for."""
        return cls(
            f"GitHub gave a token of {owner} that is not what was asked for: beyond it "
            f"{', '.join(sorted(beyond)) or 'nothing'}, without "
            f"{', '.join(sorted(lacking)) or 'nothing'}. Nobody was given it. Look at the App's "
            "permissions and the installation's repositories, then rotate again."
        )


class ServiceUnavailable(RotationError):
    """The service gave no usable answer."""

    retry_may_cure = True

    def __init__(
        self,
        *,
        action: str,
        resource: str,
        answer_lost: bool,
        pause: float | None = None,
        until: datetime | None = None,
    ) -> None:
        """Keep when the service may be asked again.

        Args:
            action: what was asked for.
            resource: on what.
            answer_lost: whether the call may have taken effect.
            pause: the seconds that the service asks to wait, where a limit was the reason.
            until: the end of them.
        """
        reason = "got no usable answer. The retry of the rotation may succeed; if it does not, see "
        reason += "the service's health and the function's network."
        if until is not None:
            reason = f"is over a limit of the service until {until:%Y-%m-%dT%H:%M:%SZ}. The retry "
            reason += "of the rotation may succeed after that; if it does not, see what else uses "
            reason += "up the limit."
        super().__init__(f"{action} on {resource} {reason}", answer_lost=answer_lost)
        self.pause = pause


class TooSoon(RotationError):
    """Readers may still hold the credential that the rotation would retire."""

    retry_may_cure = True

    def __init__(self, *, identities: Iterable[str], until: datetime) -> None:
        super().__init__(
            f"{', '.join(sorted(identities))} may still be in use until "
            f"{until:%Y-%m-%dT%H:%M:%SZ}; nothing was changed. Rotate again after that, or lower "
            "minimum_overlap_minutes."
        )


_KINDS = {
    bool: "a boolean",
    datetime: "another time",
    dict: "an object",
    float: "a number",
    int: "a number",
    list: "a list",
    str: "another text",
}


def _kind(given: object) -> str:
    return "nothing" if given is None else _KINDS.get(type(given), f"a {type(given).__name__}")


def _shown(given: object) -> str:
    """Show enough of a wrong value to find it; what is long is hardly what was meant."""
    # Python refuses to write a number of thousands of digits.
    short = isinstance(given, int) and given.bit_length() < 100  # noqa: PLR2004 -- half a line
    text = repr(given) if short or isinstance(given, str | float | None) else ""
    return text if 0 < len(text) <= 100 else f"a {type(given).__name__}"  # noqa: PLR2004 -- a line
