"""A random value."""

from collections.abc import Mapping

from testing.harness.account import Aws
from tests.faults.proxy import Fault
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import RotatorUnderTest


def _sign(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    if value["algorithm"] != "HS256" or len(value["signing_key"]) != 64:
        raise NotWorkingError


STRATEGY = RotatorUnderTest(
    name="random_value",
    options={},
    load=Subject(word="signing", variables={"recovery_window_in_days": "0"}, use=_sign),
    faults={"UpdateSecretVersionStage": Fault.RESET, "PutSecretValue": Fault.BROKEN},
)
