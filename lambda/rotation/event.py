"""The event that Secrets Manager sends to a rotation function.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from rotation.errors import ProtocolError

# A token that begins so was chosen by whoever requests a revocation: the rotation must find the
# request, also if the first read of the tag shows an earlier state.
REVOCATION_TOKEN: Final = "1ea4ed00-"  # noqa: S105 -- the beginning of version ids


class Step(StrEnum):
    """The four steps, in order."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


class WatcherRequest(StrEnum):
    """A request of the watcher, which is not a step of Secrets Manager."""

    GIVE_UP = "giveUp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of one rotation. The token is the id of the version that gets the new value."""

    step: Step | WatcherRequest
    secret_arn: str
    token: str
    rotation_token: str | None = field(repr=False)

    @property
    def requires_revocation(self) -> bool:
        """Say whether the rotation was started to end leaked credentials."""
        return self.token.startswith(REVOCATION_TOKEN)

    @classmethod
    def parse(cls, event: object, *, secret_arn_pattern: str) -> Self:
        """Check the whole event before any call is made.

        Args:
            event: the event from Lambda.
            secret_arn_pattern: the ARN of the configured secret, which ends in `-??????`. Any
                other secret, account or region is refused.

        Raises:
            ProtocolError: A field is missing, of another type, or not allowed.
        """
        if not isinstance(event, Mapping):
            raise ProtocolError.event(field="(all)", given=event, allowed="an object")
        step = _text(event, "Step", "|".join([*Step, *WatcherRequest]), f"one of {', '.join(Step)}")
        return cls(
            step=WatcherRequest(step) if step in {*WatcherRequest} else Step(step),
            secret_arn=secret_arn_of(event, secret_arn_pattern),
            token=_text(
                event, "ClientRequestToken", r"[A-Za-z0-9-]{32,64}", "32 to 64 letters, digits, -"
            ),
            rotation_token=_rotation_token(event),
        )


def secret_arn_of(event: Mapping[object, object], pattern: str) -> str:
    """Return the secret in an event, which must be the configured one."""
    prefix = re.escape(pattern.removesuffix("-??????"))
    return _text(event, "SecretId", rf"{prefix}-[A-Za-z0-9]{{6}}", pattern)


def _rotation_token(event: Mapping[object, object]) -> str | None:
    """Read the token that PutSecretValue requires. It would reject a wrong one only later.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
    """
    name = "RotationToken"
    if event.get(name) is None:
        return None
    return _text(
        event, name, r"[A-Za-z0-9-]{36,256}", "36 to 256 letters, digits, -", sensitive=True
    )


def _text(
    event: Mapping[object, object],
    name: str,
    pattern: str,
    allowed: str,
    *,
    sensitive: bool = False,
) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise ProtocolError.event(field=name, given=value, allowed=allowed, sensitive=sensitive)
    return value
