"""The behaviours of the local AWS that a test may set while it runs."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What AWS leaves open, or does in its own time."""

    first_value_becomes_current: bool = True
    """PutSecretValue labels the first value of a secret AWSCURRENT by itself."""

    rotation_attempts: int = 3
    """How often a whole rotation is tried with one token; AWS says "multiple times"."""

    rotation_retry_seconds: float = 1.0
    """The pause between two tries of a rotation."""

    rotation_concurrency: int = 4
    """How many rotations run at a time; the others wait for their turn."""

    key_propagation_seconds: float = 0.0
    """How long a new access key, or service-specific credential, is unknown to every service."""

    key_settling_seconds: float = 0.0
    """How long after that it is accepted and refused in turns."""

    key_listing_seconds: float = 0.0
    """How long IAM does not list a new key or credential."""

    deleted_key_seconds: float = 0.0
    """How long a deleted access key or credential is still accepted."""

    function_endpoint_url: str = ""
    """Where a function whose worker starts from now on finds AWS; empty for this server."""

    throttled_share: float = 0.0
    """How many of the calls of functions to Secrets Manager and IAM are refused as throttled."""

    throttling_seed: int = 0
    """Which ones."""

    version_retention_seconds: float = 86_400.0
    """How long a version without a label is kept, however many there are."""

    scheduler_seconds_ahead: float = 0.0
    """How far the clock of EventBridge Scheduler is ahead of everybody else's."""

    def changed(self, changes: dict[str, object]) -> Switches:
        """Return these switches with some set anew.

        Raises:
            ValueError: A name is not a switch's.
        """
        unknown = changes.keys() - {field.name for field in fields(self)}
        if unknown:
            raise UnknownSwitchError(sorted(unknown))
        return replace(self, **changes)  # type: ignore[arg-type]


class UnknownSwitchError(ValueError):
    """A switch of that name does not exist."""

    def __init__(self, names: list[str]) -> None:
        known = ", ".join(field.name for field in fields(Switches))
        super().__init__(f"There is no switch {', '.join(names)}; there are: {known}.")


class Current:
    """The switches as they stand, in the one process that serves."""

    switches = Switches()
