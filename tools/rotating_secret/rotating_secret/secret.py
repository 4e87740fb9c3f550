"""One secret as AWS describes it, and its state. Nothing here makes a call."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CURRENT: Final = "AWSCURRENT"
PENDING: Final = "AWSPENDING"
PREVIOUS: Final = "AWSPREVIOUS"
# The strategy of a function that isn't the module's.
EXISTING: Final = "function"

# As long as the watcher of the notifications waits.
_ROTATION: Final = timedelta(hours=1)
_STEPS: Final = 4
_LONGEST_STEP: Final = timedelta(minutes=15)
_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_HOURS: Final = re.compile(r"(\d+)h")
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_NOTE: Final = re.compile(
    rf"(active|inactive) ([0-9A-Za-z_-]+) ({_TIME})"
    rf"(?: used {_TIME} ({_TIME}) ([0-9A-Za-z._-]+) ([0-9A-Za-z._-]+))?"
)
_ONE_HOUR_A_DAY: Final = re.compile(r"cron\(\S+ (\d+) .*\)")


class State(StrEnum):
    """The state of a secret."""

    HEALTHY = "healthy"
    ROTATING = "rotating"
    FAILED = "failed"
    STUCK = "stuck"
    OVERDUE = "overdue"
    OFF = "off"
    DELETED = "scheduled for deletion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version with at least one label."""

    version_id: str
    labels: Sequence[str]
    created: datetime
    # Names of the credential, and nothing that grants access. None: the value was not read.
    credential: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A rotation function."""

    name: str
    exists: bool = True
    log_group: str | None = None
    timeout: timedelta = _LONGEST_STEP
    description: str = ""
    handler: str = ""
    # The settings that the module wrote. None: there are none, or they can't be read.
    settings: Mapping[str, Any] | None = None
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule of EventBridge Scheduler that rotates a secret."""

    name: str
    expression: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The state of the previous credential, as the last look of the rotation function found it."""

    credential: str
    active: bool
    # The look that first found this state.
    since: datetime
    # The use that was reported last: time, service and region.
    use: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret, with its function and its schedule."""

    arn: str
    name: str
    region: str
    enabled: bool
    last_rotation: datetime | None
    next_rotation: datetime | None
    deleted: bool
    managed: bool
    rules: Mapping[str, Any]
    versions: Sequence[Version]
    function: Function | None
    schedule: Schedule | None
    previous: Previous | None = None

    @property
    def current(self) -> Version | None:
        """The version with AWSCURRENT."""
        return next((one for one in self.versions if CURRENT in one.labels), None)

    @property
    def unfinished(self) -> Version | None:
        """The version of a rotation that has not ended: it has AWSPENDING and isn't current."""
        return next(
            (one for one in self.versions if PENDING in one.labels and CURRENT not in one.labels),
            None,
        )

    @property
    def expression(self) -> str | None:
        """The schedule that rotates the secret."""
        if self.schedule:
            return self.schedule.expression
        days = self.rules.get("AutomaticallyAfterDays")
        return self.rules.get("ScheduleExpression") or (f"rate({days} days)" if days else None)

    @property
    def strategy(self) -> str | None:
        """The name of the strategy in the variable `rotation`; None if it is unknown."""
        if self.function and self.function.settings:
            return str(self.function.settings.get("strategy"))
        if self.managed:
            return "managed"
        return EXISTING if self.function and not self._has_our_function() else None

    @property
    def is_ours(self) -> bool:
        """Whether a function of the module rotates this secret.

        The module writes the secret's ARN, without the last six characters, into the settings of
        the function. If they can't be read, the handler and the description of the function count.
        If the function is gone, its name counts.
        """
        if self.function is None:
            return False
        if self.function.settings is not None:
            pattern = self.function.settings.get("secret_arn_pattern")
            return pattern == f"{self.arn[:-6]}??????"
        return self._has_our_function()

    def _has_our_function(self) -> bool:
        function = self.function
        if function is None:
            return False
        if not function.exists:
            return self.enabled and function.name == default_function_name(self.region, self.name)
        return (
            function.encrypted
            and function.handler == "handler.lambda_handler"
            and function.description == f"Rotates {self.name}"[:256]
        )


def previous_of(described: Mapping[str, Any]) -> Previous | None:
    """Read the tag about the previous credential; None: there is none, or it is about another one.

    A rotation ends the previous credential. So the tag is about another one until the function has
    looked again.
    """
    tags = {tag.get("Key"): tag.get("Value", "") for tag in described.get("Tags", [])}
    found = _NOTE.fullmatch(tags.get("rotation-previous", ""))
    if found is None:
        return None
    state, credential, since, *use = found.groups()
    previous = Previous(
        credential=credential,
        active=state == "active",
        since=datetime.fromisoformat(since),
        use=dict(zip(("time", "service", "region"), use, strict=True)) if use[0] else None,
    )
    rotated = described.get("LastRotatedDate")
    return previous if rotated is None or rotated < previous.since else None


def default_function_name(region: str, name: str) -> str:
    """Return the name that the module gives to the function of a secret."""
    readable = re.sub(r"[^0-9A-Za-z_]+", "-", name)
    digest = hashlib.sha256(f"{region}/{name}".encode()).hexdigest()
    return f"{f'rotate-{readable}'[:55]}-{digest[:8]}"


def judge(secret: Secret, now: datetime) -> tuple[State, str]:
    """Return the state of a secret, and what to do unless it is healthy or rotating."""
    rotate = f"rotating-secret rotate {secret.name}"
    function = secret.function
    log = f"log group {function.log_group}" if function and function.log_group else "function's log"
    state, advice = State.HEALTHY, ""
    if secret.deleted:
        restore = f"aws secretsmanager restore-secret --secret-id {secret.name}"
        state, advice = State.DELETED, f"To keep the secret, run: {restore}"
    elif not secret.enabled:
        state, advice = (
            State.OFF,
            f"Rotation is turned off. To rotate and turn it on, run: {rotate}",
        )
    elif secret.schedule and not secret.schedule.enabled:
        advice = f"The EventBridge schedule {secret.schedule.name} is disabled. Enable it."
        state = State.OFF
    elif function and not function.exists:
        advice = f"The function {function.name} doesn't exist. Run: terraform apply"
        state = State.FAILED
    elif secret.unfinished:
        state, advice = _judge_unfinished(secret, secret.unfinished, now, log)
    elif secret.current is None:
        cure = f"Fix the last error in the {log}, then run: {rotate}"
        state, advice = State.FAILED, f"There is no value, and no rotation is running. {cure}"
    elif (due := _due(secret)) and due < now:
        cure = f"No rotation has started since. Run: {rotate} --wait"
        advice = f"The rotation was due by {due:%Y-%m-%d %H:%M} UTC. {cure}"
        state = State.OVERDUE
    return state, advice


def _judge_unfinished(
    secret: Secret, pending: Version, now: datetime, log: str
) -> tuple[State, str]:
    age = now - pending.created
    step = secret.function.timeout if secret.function else _LONGEST_STEP
    if age <= _STEPS * step:
        return State.ROTATING, ""
    began = f"The rotation that began at {pending.created:%Y-%m-%d %H:%M} UTC has not succeeded."
    look = f"The {log} has the error."
    # EventBridge's schedule has no window, and that of the backstop isn't open.
    if not secret.schedule and age <= window(secret.rules):
        retry = "Secrets Manager retries it while the rotation window is open."
        return State.FAILED, f"{began} {look} {retry}"
    cure = f"Fix the error, then run: rotating-secret rotate {secret.name}"
    give_up = f"Or give it up with: rotating-secret give-up {secret.name}"
    return State.STUCK, f"{began} Its rotation window has passed. {look} {cure}. {give_up}"


def window(rules: Mapping[str, Any]) -> timedelta:
    """Return the length of a rotation window.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
    """
    if hours := _HOURS.fullmatch(rules.get("Duration", "")):
        return timedelta(hours=int(hours[1]))
    expression = rules.get("ScheduleExpression", "")
    if hour := _ONE_HOUR_A_DAY.fullmatch(expression):
        return timedelta(hours=24 - int(hour[1]))
    return timedelta(hours=1 if "hour" in expression or expression.startswith("cron") else 24)


def _due(secret: Secret) -> datetime | None:
    """Return until when the next rotation must have started."""
    rate = _RATE.fullmatch(secret.schedule.expression) if secret.schedule else None
    if rate and secret.last_rotation:
        return secret.last_rotation + timedelta(**{f"{rate[2]}s": int(rate[1])}) + _ROTATION
    return secret.next_rotation
