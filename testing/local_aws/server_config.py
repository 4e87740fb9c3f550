"""What the process that starts the server tells it."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_VARIABLE: Final = "LOCAL_AWS_HANDOVER"

ISSUED_PATH: Final = "/_local_aws/issued"
LOGIN_PATH: Final = "/_local_aws/login"
SWITCHES_PATH: Final = "/_local_aws/switches"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A listening socket, a folder to keep everything in, and the first key."""

    socket: int
    folder: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    plain: bool

    def give(self) -> dict[str, str]:
        """Return the environment that carries this."""
        return {_VARIABLE: json.dumps(dataclasses.asdict(self))}

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Handover:
        """Read it, and remove it: functions inherit the server's environment."""
        return cls(**json.loads(environment.pop(_VARIABLE)))
