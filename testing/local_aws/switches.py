"""The behaviours of the local AWS that a test can change while the server runs."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Final

# The file in the server's temporary folder from which functions read how long they may sleep. Their
# processes run already when a test changes the switch.
LONGEST_SLEEP: Final = "functions-longest-sleep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Behaviours that AWS does not specify, or that take effect after an unknown delay."""

    first_value_becomes_current: bool = True
    """Whether PutSecretValue always attaches AWSCURRENT to the first value of a secret."""

    rotation_attempts: int = 3
    """How often Secrets Manager tries a rotation with one token; AWS says "multiple times"."""

    rotation_retry_seconds: float = 1.0
    """The pause between two attempts of a rotation."""

    rotation_concurrency: int = 4
    """How many rotations run at the same time; the others wait."""

    key_propagation_seconds: float = 0.0
    """How long every service rejects a new access key or service-specific credential."""

    key_settling_seconds: float = 0.0
    """How long after that services alternately accept and reject it."""

    key_listing_seconds: float = 0.0
    """How long a new access key or credential is missing from IAM's lists."""

    deleted_key_seconds: float = 0.0
    """How long services still accept a deleted access key or credential."""

    key_use_lag_seconds: float = 0.0
    """After how long IAM shows the last use of an access key."""

    policy_propagation_seconds: float = 0.0
    """How long a change of a policy of a user or role isn't enforced yet."""

    secret_read_lag_seconds: float = 0.0
    """How old the state is that GetSecretValue, DescribeSecret and ListSecretVersionIds return."""

    function_endpoint_url: str = ""
    """The AWS endpoint of function workers that start from now on; empty for this server."""

    functions_longest_sleep: float | None = None
    """The longest time that time.sleep waits in a function, in seconds; None: as long as asked."""

    throttled_share: float = 0.0
    """The share of the functions' calls to Secrets Manager and IAM that are throttled."""

    throttling_seed: int = 0
    """The seed that decides which calls are throttled."""

    version_retention_seconds: float = 86_400.0
    """How long Secrets Manager keeps a version without a label, even beyond the limit."""

    version_quota: int = 0
    """How many versions a secret can have, for which AWS gives no number; 0: unlimited."""

    rotation_seconds_ahead: float = 0.0
    """How far the clock of Secrets Manager's own schedules is ahead; at 0 they do not rotate."""

    rotation_window_share: float = 0.0
    """Which part of a rotation window passes before Secrets Manager rotates, from 0 to 1."""

    scheduler_seconds_ahead: float = 0.0
    """How far the clock of EventBridge and its Scheduler is ahead of the real time."""

    def changed(self, changes: dict[str, object]) -> Switches:
        """Return a copy of these switches with some changes.

        Raises:
            UnknownSwitchError: No switch has one of the names.
        """
        unknown = changes.keys() - {field.name for field in fields(self)}
        if unknown:
            raise UnknownSwitchError(sorted(unknown))
        return replace(self, **changes)  # type: ignore[arg-type]


class UnknownSwitchError(ValueError):
    """No switch has this name."""

    def __init__(self, names: list[str]) -> None:
        known = ", ".join(field.name for field in fields(Switches))
        super().__init__(f"Unknown switch: {', '.join(names)}. The switches are: {known}.")


class Current:
    """The current switches of the server process."""

    switches = Switches()
