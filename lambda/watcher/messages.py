"""The messages: which secret, what happened, what to do, and where to look."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from watcher.findings import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from watcher.findings import Previous

# https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
_CAUSES = {
    "CancelRotateSecret": Cause.SWITCHED_OFF,
    "DeleteResourcePolicy": Cause.POLICY_CHANGED,
    "DeleteSecret": Cause.DELETED,
    "PutResourcePolicy": Cause.POLICY_CHANGED,
    "RotationAbandoned": Cause.ABANDONED,
    "RotationFailed": Cause.FAILED,
    "RotationSucceeded": Cause.SUCCEEDED,
    "TestRotationFailed": Cause.FAILED,
}
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_LONGEST_SUBJECT = 100

_GUIDE = "https://docs.aws.amazon.com/secretsmanager/latest/userguide"
_SCHEDULER_GUIDE = "https://docs.aws.amazon.com/scheduler/latest/UserGuide"
_ROTATE = "run: aws secretsmanager rotate-secret --secret-id {arn}"
_RETRIES = (
    "Fix the cause. Secrets Manager repeats a failed rotation only while a rotation window is "
    f"open. After that, {_ROTATE}"
)
_FAILURES = "docs/troubleshooting.md of the module lists every error and what to do."
_PREVIOUS = (
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/id-credentials-access-keys-update.html",
    "docs/previous.md of the module says when a credential is deactivated and deleted.",
)
_CHANGES = "CloudTrail has the whole event, with the address and the program of the caller."


@dataclass(frozen=True, slots=True)
class _Text:
    title: str
    happened: str
    to_do: str
    pages: tuple[str, ...]
    log: bool = False
    """Whether the log of the rotation function says more."""


_TEXTS = {
    Cause.ABANDONED: _Text(
        "a rotation was abandoned",
        "Secrets Manager gave up a rotation, because another value was stored meanwhile. That "
        "value is current now.",
        "Check that whoever stored the value meant to. To replace it, " + _ROTATE,
        (f"{_GUIDE}/cloudtrail_log_entries.html", _CHANGES),
    ),
    Cause.DELETED: _Text(
        "the secret is deleted",
        "The secret is scheduled for deletion, or is deleted. No one can read it.",
        "If this is a mistake, run: aws secretsmanager restore-secret --secret-id {arn}",
        (f"{_GUIDE}/manage_restore-secret.html", _CHANGES),
    ),
    Cause.FAILED: _Text(
        "a rotation failed",
        "A rotation failed. The current value is unchanged.",
        _RETRIES,
        (f"{_GUIDE}/troubleshoot_rotation.html", _FAILURES),
        log=True,
    ),
    Cause.GIVEN_UP: _Text(
        "a rotation was given up",
        "A rotation has not ended for the time of give_up_after_hours, so the function gave it up. "
        "The current value is unchanged. The next rotation begins with a new version.",
        "Find the cause and fix it. Then wait for the schedule, or " + _ROTATE,
        (f"{_GUIDE}/troubleshoot_rotation.html", _FAILURES),
        log=True,
    ),
    Cause.NEVER_STARTED: _Text(
        "the first rotation did not start",
        "The secret should have rotated, and no rotation has started since it was created.",
        "Check that the function exists, and that its policy lets secretsmanager.amazonaws.com "
        f"invoke it: apply again. Then {_ROTATE}",
        (f"{_GUIDE}/troubleshoot_rotation.html", _FAILURES),
        log=True,
    ),
    Cause.OVERDUE: _Text(
        "the rotation is overdue",
        "The last rotation is longer ago than the schedule allows. The current value still works, "
        "and is older than it should be.",
        _RETRIES,
        (f"{_GUIDE}/troubleshoot_rotation.html", _FAILURES),
        log=True,
    ),
    Cause.POLICY_CHANGED: _Text(
        "the policy changed",
        "The policy of the secret was changed: who may read it may be different now.",
        "Compare it with the configuration: terraform plan. To see it, run: aws secretsmanager "
        "get-resource-policy --secret-id {arn}",
        (f"{_GUIDE}/auth-and-access_resource-policies.html", _CHANGES),
    ),
    Cause.PREVIOUS_DEACTIVATED: _Text(
        "the previous credential was deactivated",
        "The previous credential is deactivated, and will be deleted if nothing uses it.",
        "Check that no application reports a rejected credential. If one does, {undo}",
        _PREVIOUS,
    ),
    Cause.PREVIOUS_IN_USE: _Text(
        "the previous credential is in use",
        "Something uses the previous credential, which must read the secret again. The next "
        "rotation ends the credential.",
        "Find what uses it, and restart it or have it read the secret. If the credential is "
        "inactive, {undo}",
        (*_PREVIOUS, _CHANGES),
    ),
    Cause.STUCK: _Text(
        "a rotation is stuck",
        "A rotation has not ended in its window. The current value still works. The next rotation "
        "repeats this one.",
        f"{_RETRIES}\nIf it can't succeed, give it up as docs/troubleshooting.md describes.",
        (f"{_GUIDE}/troubleshoot_rotation.html", _FAILURES),
        log=True,
    ),
    Cause.SUCCEEDED: _Text(
        "a rotation succeeded",
        "The secret has a new current value.",
        "Nothing. You asked for this message with include_successes.",
        (f"{_GUIDE}/rotating-secrets.html",),
    ),
    Cause.TOO_OLD: _Text(
        "a credential is too old",
        "A credential is valid for longer than maximum_age_days allows: that of AWSCURRENT, or "
        "that of AWSPREVIOUS, which works until the next rotation.",
        "Find out why the last rotations came late or failed, then " + _ROTATE,
        (f"{_GUIDE}/troubleshoot_rotation.html", _FAILURES),
        log=True,
    ),
    Cause.SWITCHED_OFF: _Text(
        "rotation is off",
        "The rotation of the secret is switched off: the current value stays until someone "
        "changes it.",
        "To switch it on, run: terraform apply. If rotate_immediately is set, this rotates.",
        (f"{_GUIDE}/rotating-secrets.html", _CHANGES),
    ),
}


# Of the cause SWITCHED_OFF, if it is EventBridge's schedule.
_UNSCHEDULED = _Text(
    "rotation is off",
    "The EventBridge schedule that rotates the secret is disabled or deleted. Until it is back, "
    "only Secrets Manager's own schedule rotates the secret, days later.",
    "To restore it, run: terraform apply. If AWS rejects its start date, use the command in "
    "docs/schedule.md of the module.",
    (f"{_SCHEDULER_GUIDE}/managing-schedule-state.html", _CHANGES),
)


@dataclass(frozen=True, slots=True)
class Message:
    """A notification."""

    cause: Cause
    subject: str
    text: str


def cause_of(event: Mapping[str, Any]) -> Cause | None:
    """Return the cause of a CloudTrail event; None for any other event."""
    return _CAUSES.get(_detail(event).get("eventName", ""))


def message(  # noqa: PLR0913 -- what the message is about
    cause: Cause,
    *,
    arn: str,
    log_group_name: str | None,
    event: Mapping[str, Any] | None = None,
    previous: Previous | None = None,
    schedule_name: str | None = None,
) -> Message:
    """Write a message about a secret, with what its event or its previous credential says.

    If its EventBridge schedule is what is switched off, the message names that.
    """
    off = schedule_name if cause is Cause.SWITCHED_OFF else None
    text = _TEXTS[cause] if off is None else _UNSCHEDULED
    # The name is the part before the hyphen and six random characters.
    name = arn.split(":", 6)[-1][:-7]
    pages = list(text.pages)
    if text.log and log_group_name is not None:
        pages.insert(0, f"aws logs tail {log_group_name} --since 7d --filter-pattern failed")
    lines = [
        f"Secret: {arn}",
        f"What happened: {text.happened}{_origin(event)}{_state(previous)}{_schedule(off)}",
        f"Next step: {text.to_do.format(arn=arn, undo=_undo(previous))}",
        "Where to look:",
        *(f"- {page}" for page in pages),
    ]
    ending = f": {text.title}"
    return Message(cause, f"{name[: _LONGEST_SUBJECT - len(ending)]}{ending}", "\n".join(lines))


def _state(previous: Previous | None) -> str:
    """Say which credential it is, and its last use."""
    if previous is None:
        return ""
    state = "active" if previous.active else "inactive"
    use = f", and was last used {previous.use}" if previous.use else ""
    since = f"{previous.since:%Y-%m-%dT%H:%M:%SZ}"
    return f" Credential: {previous.identity}. It is {state} since {since}{use}."


def _schedule(name: str | None) -> str:
    return "" if name is None else f" Schedule: {name}."


def _undo(previous: Previous | None) -> str:
    return f"run: {previous.reactivate_with}" if previous else "reactivate it."


def _detail(event: Mapping[str, Any]) -> Mapping[str, Any]:
    found = event.get("detail")
    return found if isinstance(found, dict) else {}


def _origin(event: Mapping[str, Any] | None) -> str:
    """Say which event it was, when, and whose, as far as CloudTrail says so in a known form."""
    if event is None:
        return ""
    detail = _detail(event)
    identity = detail.get("userIdentity")
    arn = identity.get("arn") if isinstance(identity, dict) else None
    when = f" at {found}" if (found := _match(r"[0-9T:.Z-]{1,30}", detail.get("eventTime"))) else ""
    by = f" by {found}" if (found := _match(r"arn:[\w:/+=,.@-]{1,600}", arn)) else ""
    return f" Event: {detail['eventName']}{when}{by}."


def _match(form: str, text: object) -> str | None:
    return text if isinstance(text, str) and re.fullmatch(form, text, re.ASCII) else None
