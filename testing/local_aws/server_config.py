"""The configuration that the parent process passes to the server in its environment."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

_VARIABLE: Final = "LOCAL_AWS_SERVER_CONFIG"

EVENTS_PATH: Final = "/_local_aws/events"
ISSUED_PATH: Final = "/_local_aws/issued"
LOGIN_PATH: Final = "/_local_aws/login"
SWITCHES_PATH: Final = "/_local_aws/switches"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """A listening socket, the folder for all files, and the administrator's access key."""

    socket: int
    folder: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    plain: bool

    def to_environment(self) -> dict[str, str]:
        """Return the environment variable that holds this configuration."""
        return {_VARIABLE: json.dumps(dataclasses.asdict(self))}

    @classmethod
    def pop_from(cls, environment: MutableMapping[str, str]) -> ServerConfig:
        """Read the variable and remove it, because functions inherit the server's environment."""
        return cls(**json.loads(environment.pop(_VARIABLE)))
