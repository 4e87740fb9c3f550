"""The table and the JSON of the command status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from rotating_secret.secret import PREVIOUS, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from rotating_secret.secret import Previous, Secret, Version

_STYLES: Final = {
    State.HEALTHY: "green",
    State.ROTATING: "cyan",
    State.OFF: "yellow",
    State.DELETED: "yellow",
}
_NONE: Final = "-"


def as_json(secret: Secret, state: State, advice: str) -> dict[str, Any]:
    """Return what the command knows about one secret."""
    return {
        "name": secret.name,
        "arn": secret.arn,
        "region": secret.region,
        "strategy": secret.strategy,
        "state": str(state),
        "advice": advice or None,
        "current_since": _iso(secret.current.created if secret.current else None),
        "last_rotation": _iso(secret.last_rotation),
        "next_rotation": None if secret.schedule else _iso(secret.next_rotation),
        "schedule": secret.expression,
        "function": secret.function and secret.function.name,
        "log_group": secret.function and secret.function.log_group,
        "versions": [
            {
                "id": one.version_id,
                "labels": list(one.labels),
                "created": _iso(one.created),
                "credential": one.credential,
            }
            for one in secret.versions
        ],
        "previous": secret.previous
        and {
            "credential": secret.previous.credential,
            "state": _state(secret.previous),
            "since": _iso(secret.previous.since),
            "last_use": secret.previous.use,
        },
    }


def as_table(
    judged: Sequence[tuple[Secret, State, str]], now: datetime, *, with_region: bool
) -> Table:
    """Return a table with a row per secret."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("secret", *(["region"] if with_region else []), "strategy", "state"):
        table.add_column(title, overflow="fold")
    for title in ("age", "last rotation", "next rotation", "versions"):
        table.add_column(title, overflow="fold")
    for secret, state, _ in judged:
        table.add_row(
            Text(secret.name),
            *([secret.region] if with_region else []),
            secret.strategy or _NONE,
            Text(state, style=_STYLES.get(state, "red")),
            age(now - secret.current.created) if secret.current else _NONE,
            _minute(secret.last_rotation),
            _next(secret),
            Text("\n".join(_version(one, secret, now) for one in secret.versions) or _NONE),
        )
    return table


def age(length: timedelta) -> str:
    """Return a length of time in its largest unit."""
    seconds = max(0, int(length.total_seconds()))
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _version(version: Version, secret: Secret, now: datetime) -> str:
    names = list((version.credential or {}).values())
    previous = secret.previous if PREVIOUS in version.labels else None
    state = [f"{_state(previous)} since {_minute(previous.since)}"] if previous else []
    return " ".join([*version.labels, age(now - version.created), *names, *state])


def _state(previous: Previous) -> str:
    if not previous.active:
        return "inactive"
    return "in use" if previous.use else "active"


def _next(secret: Secret) -> str:
    if not secret.enabled or secret.deleted:
        return _NONE
    return str(secret.expression) if secret.schedule else _minute(secret.next_rotation)


def _minute(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else _NONE


def _iso(moment: datetime | None) -> str | None:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else None
