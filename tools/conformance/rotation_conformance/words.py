"""The messages of the suite: what it did, what happened, and what to do instead."""

from __future__ import annotations

import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rotation.api import (
    ConfigurationError,
    CredentialRejected,
    Generator,
    Issuer,
    Replacer,
    RotationError,
    Setter,
)
from rotation.errors import ForeignCredential, TooSoon
from rotation_conformance.rotator import NeverConvergedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class BrokenPromiseError(AssertionError):
    """A strategy did something that no strategy may do."""

    def __init__(self, *, done: str, found: object, cure: str) -> None:
        """Explain the failure.

        Args:
            done: what the suite did with the strategy.
            found: what happened.
            cure: what the strategy must do instead.
        """
        super().__init__(f"{done}.\nWhat happened: {found}\nWhat to do: {cure}")


_REPEAT: Final = (
    "start each method by finding out what is already done, so that it can run again after it "
    "stopped at any line."
)
_MARKS: Final = (
    "inventory must return each credential of the owner. If slots is None, it needs the mark that "
    "issue was given; otherwise it needs the UTC time at which the service made it. issue must ask "
    "the service only once, and raise an error with answer_lost=True if the request may have taken "
    "effect."
)
# The cure for a method that raised an error.
_METHODS: Final[Mapping[str, str]] = {
    "build": "build must make no call: a method makes the call when it needs the answer.",
    "parse": "parse must return None for a value of another form, and never raise an error.",
    "generate": "generate must only make a value, and make it without a call.",
    "apply": f"{_REPEAT} apply must set the accepted credentials and add none.",
    "check": "check must change nothing, and raise an error only if replace would fail.",
    "replace": f"{_REPEAT} replace must log in with any of the known credentials, and do nothing "
    "if the service already accepts the pending one.",
    "verify": "verify must raise CredentialRejected if the service rejects the credential, and "
    "ServiceUnavailable if no response arrived.",
    "end_others": f"{_REPEAT} end_others must end each credential of the owner but the current "
    "one, also if none is left.",
    "inventory": "inventory must return a list, which is empty if the owner has no credential.",
    "issue": "issue must ask the service only once. slots must be the number of credentials that "
    "the service allows at a time.",
    "retire": "retire must return without an error if the credential is already gone. It must also "
    "work without the value: credential is None if no version has it.",
}
_OURS: Final = (
    " For any other failure raise an error class of rotation.api: of other errors, the log shows "
    "only the class and the line."
)
# The cure for an assertion, by a part of its sentence, and by family.
_CURES: Final[Mapping[str, Mapping[type, str]]] = {
    "AWSCURRENT": {
        Generator: "generate must make a value that applications accept, and change nothing.",
        Setter: "the service must accept the current value at any line, until its successor is "
        "promoted. apply gets both credentials: set exactly both, in one request.",
        Replacer: "the service must accept the current value until replace sets the next one, in "
        "one request. No other method may change it.",
        Issuer: "the service must accept the current value until its successor is promoted. retire "
        "must end only the credential that it gets, and no other method may end one.",
    },
    "the stored value": {
        Setter: "apply must set only the credentials that it gets, and verify must reject what the "
        "service rejects. Anyone who may write the secret can store a value.",
    },
    "orphan": {
        Generator: "generate must change nothing outside: the engine stores one value per "
        "rotation.",
        Setter: "apply must set the accepted credentials, which it gets, and add none to others.",
        Replacer: "replace must set the pending credential in place of the one before.",
        Issuer: _MARKS,
    },
    "room for": {
        Setter: "apply must set the accepted credentials, which it gets, and add none to others.",
        Replacer: "replace must set the pending credential in place of the one before.",
        Issuer: "slots must be the number of credentials that the service allows at a time. "
        "inventory must list each of them. issue must ask the service only once.",
    },
    "operator": {
        Setter: "apply and verify may change only the configured owner.",
        Replacer: "replace may change only the configured owner.",
        Issuer: "retire must end only the credential that it gets, and no other method may end "
        "one. inventory must list the credentials that others made, too.",
    },
    "existed before": {
        Generator: "generate must make a new value each time, with Python's secrets.",
        Issuer: "issue must ask the service for a new credential each time.",
    },
    "": {
        Generator: "generate must change nothing outside: the engine stores one value per "
        "rotation.",
        Setter: f"{_REPEAT} apply must set the accepted credentials and add none.",
        Replacer: f"{_REPEAT} replace must log in with any of the known credentials, and do "
        "nothing if the service already accepts the pending one.",
        Issuer: f"{_REPEAT} retire must succeed if the credential is gone. {_MARKS}",
    },
}
_OF_ERRORS: Final[Mapping[type[RotationError], str]] = {
    ConfigurationError: "parse must recognise each value that this strategy makes, also with "
    "further fields, and return its owner.",
    CredentialRejected: "verify must accept the new credential: use its value as an application "
    "does. apply must set exactly that value.",
    ForeignCredential: f"the engine does not recognise a credential that it made. {_MARKS}",
    TooSoon: "the overlap is over by the clock of the test: use account.time.now for the times of "
    "your service.",
}


@contextmanager
def promised(done: str, family: type, file: Path, *, cure: str | None = None) -> Iterator[None]:
    """Explain what the suite did if a check in the block fails.

    Args:
        done: what the suite does in the block.
        family: of the strategy.
        file: of the strategy.
        cure: what to do if an assertion fails; None: it depends on the assertion.
    """
    try:
        yield
    except BrokenPromiseError:
        raise
    except NeverConvergedError as error:
        last = error.last
        found = f"{str(error).partition(';')[0]}; the last: {_raised(last, file)}"
        raise BrokenPromiseError(done=done, found=found, cure=_cure_of(last, family, file)) from (
            last
        )
    except AssertionError as error:
        cure = cure or cure_for(str(error), family)
        raise BrokenPromiseError(done=done, found=error, cure=cure) from None
    except (Exception, SystemExit) as error:
        raise BrokenPromiseError(
            done=done, found=_raised(error, file), cure=_cure_of(error, family, file)
        ) from error


def cure_for(found: str, family: type) -> str:
    """Return what to do if something does not hold."""
    return next(
        cures[family] for part, cures in _CURES.items() if part in found and family in cures
    )


def family_of(strategy: object) -> type:
    """Return the family of a complete strategy."""
    return next(
        family for family in (Issuer, Replacer, Setter, Generator) if isinstance(strategy, family)
    )


def _frames(error: BaseException | None, file: Path) -> list[traceback.FrameSummary]:
    """Return the lines of the strategy that an error went through."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    return [frame for frame in frames if frame.filename == str(file)]


def _raised(error: BaseException | None, file: Path) -> str:
    text = type(error).__name__
    frames = _frames(error, file)
    if frames:
        text += f" at {file.name}:{frames[-1].lineno}, in {frames[-1].name}"
    elif error is not None and not isinstance(error, RotationError):
        last = traceback.extract_tb(error.__traceback__)[-1]
        text += f" at {Path(last.filename).name}:{last.lineno}, which is not in the strategy"
    return f"{text}: {error}" if isinstance(error, RotationError) else text


def _cure_of(error: BaseException | None, family: type, file: Path) -> str:
    """Return what to do about an error."""
    frames = _frames(error, file)
    for kind, cure in _OF_ERRORS.items():
        if isinstance(error, kind):
            return cure
    methods = [frame.name for frame in frames if frame.name in _METHODS]
    if methods:
        cure = _METHODS[methods[0]]
        return cure if isinstance(error, RotationError) else cure + _OURS
    if isinstance(error, RotationError):
        return cure_for("", family)
    if frames:
        return f"the strategy must not raise it.{_OURS}"
    if isinstance(error, TypeError | AttributeError):
        return (
            "each member of the strategy must have the type that rotation/strategy.py says: times "
            "are in UTC and have a time zone, values are texts or objects. If the line is in your "
            "test, fix the test."
        )
    return "if the line is in your test, fix the test: the strategy did not run there."
