"""A random value."""

import json
from collections.abc import Mapping

from testing.harness.account import Aws
from tests.e2e.scenarios import Grants
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, wrong_content
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
    secret_fields=frozenset({"signing_key"}),
    walks={"random-value": Walk},
    grants=Grants(planned={}, rotation={}, scenarios={}),
    leaks=Leaks(
        rotation={},
        failures={"wrong-content": wrong_content(lambda mark: json.dumps({"password": mark}))},
        slow_failures={"name": wrong_content(lambda mark: json.dumps({mark: "name"}))},
        variables={"initial_value": "${var.value}", "initial_value_version": 1},
    ),
)
