"""A rotator of the user's own: the example for Redis."""

from collections.abc import Mapping
from pathlib import Path

import redis

from testing.harness.account import Aws
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import RotatorUnderTest

_EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "custom"


def _log_in(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    with redis.Redis(
        host=value["host"],
        port=int(value["port"]),
        username=value["username"],
        password=value["password"],
        ssl=True,
    ) as client:
        if not client.ping():
            raise NotWorkingError


STRATEGY = RotatorUnderTest(
    name="custom",
    options={"source_file": str(_EXAMPLE / "rotate.py")},
    load=Subject(
        word="cache",
        variables={"recovery_window_in_days": "0"},
        use=_log_in,
        services=lambda services: services.redis,
    ),
    faults={"GetSecretValue": Fault.UNAVAILABLE},
)
