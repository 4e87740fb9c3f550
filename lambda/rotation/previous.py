"""Retires the previous credential once nothing has used it for a time.

The function looks once a day, and writes what it found into a tag of the secret:

    active CREDENTIAL SINCE       it is the previous one, and the service accepts it
    inactive CREDENTIAL SINCE     it is deactivated
    … used LOOK TIME SERVICE REGION     it is still used, as this look found

The secret's resource policy lets only the function's role write this tag. SINCE is the time of the
look that found that state, so an operator who reactivates a credential gives it the whole time
again. Each change is made before it is written. So after a crash, or if two looks overlap, the next
look finds what was done, and the time begins later and never earlier.

A service shows a use late. So a credential is unused only if the time and this delay have passed
since the last use. Whoever uses a credential at least once in that time never loses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from rotation.attempt import LONGEST, SKEW
from rotation.engine import Outcome
from rotation.event import secret_arn_of
from rotation.log import Key
from rotation.ownership import parse_ours
from rotation.proof import LAG
from rotation.response import TIME_FORMAT, parse_time
from rotation.secret import PREVIOUS_TAG, Secret, Stage
from rotation.strategy import Deactivator

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from rotation.aws import Clients
    from rotation.log import LogRecord
    from rotation.proof import Clock
    from rotation.settings import OptionReader, Settings
    from rotation.strategy import Credential, Issued, Use

# AWS names no delay for keys. It says four hours for similar data, and records the first use in 15
# minutes:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html
USE_LAG: Final = timedelta(days=1)
# The step in the event of the daily rule, which no rotation has.
_LOOK: Final = "lookAtPrevious"


class Action(StrEnum):
    """The actions of a look at the previous credential."""

    DEACTIVATE = "deactivate"
    DELETE = "delete"
    NOTE = "note"
    REPORT = "report"
    WAIT = "wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """The settings: after which time, and whether a use prevents it."""

    after: timedelta
    verifies: bool

    @classmethod
    def parse(cls, fields: OptionReader) -> Self:
        """Read the fields.

        Raises:
            ConfigurationError: A field is missing, wrong or unknown.
        """
        after = timedelta(days=fields.number("retire_after_days", least=2, most=999))
        settings = cls(after=after, verifies=fields.flag("verify_unused"))
        fields.end()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """The state of the previous credential, and since when the looks know it."""

    identity: str
    active: bool
    since: datetime
    # The use that was reported last.
    reported: datetime | None = None

    def is_of(self, issued: Issued, now: datetime) -> bool:
        """Say whether it describes this credential in its present state."""
        is_same = (self.identity, self.active) == (issued.identity, issued.active)
        return is_same and self.since <= now + SKEW

    def text(self) -> str:
        """Return the note as the tag's value."""
        state = "active" if self.active else "inactive"
        return f"{state} {self.identity} {self.since.strftime(TIME_FORMAT)}"


def parse(text: str | None) -> Note | None:
    """Parse a tag's value; None: this module did not write it."""
    found = re.fullmatch(r"(active|inactive) (\S+) (\S+)(?: used \S+ (\S+) \S+ \S+)?", text or "")
    since = parse_time(found[3]) if found else None
    if found is None or since is None:
        return None
    return Note(
        identity=found[2],
        active=found[1] == "active",
        since=since,
        reported=parse_time(found[4] or ""),
    )


def decide(
    *, now: datetime, note: Note, use: Use | None, settings: Retirement, overlap: timedelta
) -> Action:
    """Decide what to do with a credential whose state is the one in its note.

    Args:
        now: the time.
        note: the state.
        use: the last use; None: there is none, or it does not matter.
        settings: after which time.
        overlap: how long applications may use the credential before they read its successor.
    """
    if note.active and now < note.since + settings.after:
        return Action.WAIT
    unused_since = max(note.since, use.time) if use else note.since
    lag = USE_LAG if settings.verifies else timedelta()
    if now >= unused_since + settings.after + lag:
        return Action.DEACTIVATE if note.active else Action.DELETE
    # The last uses before the deactivation show only after it.
    expected_until = note.since + overlap if note.active else note.since - lag
    known = max(expected_until, note.reported or expected_until)
    return Action.REPORT if use and use.time > known else Action.WAIT


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Previous:
    """The previous credential of one secret."""

    clock: Clock
    overlap: timedelta
    secret: Secret
    settings: Retirement
    strategy: Deactivator

    def look(self) -> tuple[Outcome, str]:
        """Look at it once, and return what was done and a message about it.

        Raises:
            RotationError: A call failed. The next look does what is left.
        """
        issuer = self.strategy
        description = self.secret.describe()
        issued = None if description.is_unfinished() else self._find()
        if issued is None:
            return Outcome.NOTHING_TO_DO, ""
        now = self.clock.now().replace(microsecond=0)
        note = parse(description.previous)
        if note is None or not note.is_of(issued, now):
            self._write(issued, now)
            return Outcome.NOTHING_TO_DO, ""
        use = issuer.last_use(issued) if self.settings.verifies else None
        action = decide(now=now, note=note, use=use, settings=self.settings, overlap=self.overlap)
        if action is Action.DEACTIVATE:
            return self._deactivate(issued)
        if action is Action.DELETE:
            issuer.retire(issued, None)
            return Outcome.DELETED, f"Deleted {issued.identity} of {issued.owner}."
        if action is Action.REPORT and use is not None:
            return self._report(issued, note, use, now)
        return Outcome.NOTHING_TO_DO, ""

    def _find(self) -> Issued | None:
        """Return the previous credential, if the service has it and it is ours.

        To use a credential, as a proof that it is ours, would count as a use. So its version must
        have been created with it.
        """
        issuer, kept = self.strategy, self._current()
        version = self.secret.read_label(Stage.PREVIOUS)
        credential = parse_ours(issuer, version) if version else None
        if kept is None:
            return None
        for one in issuer.inventory():
            is_published = (
                version is not None
                and credential is not None
                and one.identity == credential.identity
                and -SKEW <= version.created - one.created <= LONGEST
            )
            is_ours = is_published or one.identity == issuer.adopted
            if is_ours and one.identity != kept.identity:
                return one
        return None

    def _current(self) -> Credential | None:
        version = self.secret.read_label(Stage.CURRENT)
        return parse_ours(self.strategy, version) if version else None

    def _deactivate(self, issued: Issued) -> tuple[Outcome, str]:
        self.strategy.deactivate(issued)
        # An operator may have moved AWSCURRENT back to it at this moment.
        self.clock.sleep(LAG.total_seconds())
        kept = self._current()
        if kept is not None and kept.identity == issued.identity:
            self.strategy.reactivate(issued)
            return Outcome.NOTHING_TO_DO, ""
        self._write(issued, self.clock.now(), active=False)
        return Outcome.DEACTIVATED, f"Deactivated {issued.identity} of {issued.owner}."

    def _report(self, issued: Issued, note: Note, use: Use, now: datetime) -> tuple[Outcome, str]:
        times = [time.strftime(TIME_FORMAT) for time in (now, use.time)]
        # A tag has a small alphabet.
        words = [
            re.sub(r"[^0-9A-Za-z._-]", "-", one)[:60] or "-" for one in (use.service, use.region)
        ]
        self.secret.tag(PREVIOUS_TAG, " ".join([note.text(), "used", *times, *words]))
        return Outcome.IN_USE, (
            f"{issued.identity} of {issued.owner} is the previous credential, and was last used "
            f"at {times[1]} for {words[0]} in {words[1]}. It is kept."
        )

    def _write(self, issued: Issued, now: datetime, *, active: bool | None = None) -> None:
        state = issued.active if active is None else active
        note = Note(identity=issued.identity, active=state, since=now)
        self.secret.tag(PREVIOUS_TAG, note.text())


def look(  # noqa: PLR0913, PLR0917 -- the parts of the handler
    event: object,
    settings: Settings,
    options: OptionReader,
    build: Callable[[str, OptionReader, Clients], object],
    clients: Clients,
    clock: Clock,
    record: LogRecord,
) -> Outcome | None:
    """Look at the previous credential if an event of the daily rule says so; None: another one.

    Raises:
        RotationError: A call failed, or the event or a setting is wrong.
    """
    if not isinstance(event, Mapping) or event.get("Step") != _LOOK:
        return None
    arn = secret_arn_of(event, settings.secret_arn_pattern)
    record[Key.EVENT] = "previous_credential"
    record[Key.SECRET_ARN] = arn
    strategy = build(settings.strategy, settings.options, clients)
    if not isinstance(strategy, Deactivator):
        options.refuse("strategy", settings.strategy, "one that can deactivate a credential")
    outcome, message = Previous(
        clock=clock,
        overlap=settings.minimum_overlap,
        secret=Secret(clients, arn, constants=settings.constants),
        settings=Retirement.parse(options),
        strategy=strategy,
    ).look()
    is_in_use = outcome is Outcome.IN_USE
    record[Key.PREVIOUS_IN_USE] = int(is_in_use)
    record[Key.LEVEL] = "WARN" if is_in_use else "INFO"
    if message:
        record[Key.MESSAGE] = message
    return outcome
