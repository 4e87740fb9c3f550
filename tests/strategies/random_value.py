"""A random value."""

import json
from collections.abc import Mapping

from rotation_conformance.rotator import MakeStrategy
from testing.harness.account import Aws
from testing.harness.terraform import Terraform
from tests.e2e.scenarios import REVOKE, Grants
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import Change, Effect, RotatorUnderTest, Rule
from tests.unit.bad_input import ABSENT, UNKNOWN, BadInput
from tests.unit.cloud import Cloud
from tests.unit.rotator import Rotation
from tests.unit.services import NoService
from tests.unit.subject import CONSTANTS, Kind, Unit, strategy


def _sign(_aws: Aws, _outputs: Json, value: Mapping[str, str]) -> None:
    if value["algorithm"] != "HS256" or len(value["signing_key"]) != 64:
        raise NotWorkingError


class _Monitored(Walk):
    """The same, with notifications and a subscriber."""

    guarded_by = "tests/e2e/test_notifications.py"

    def before_apply(self, aws: Aws, terraform: Terraform) -> None:
        del aws
        terraform.set(email="owner@example.com")


_RULES = (
    Rule(
        id="character_classes",
        text="rotation.random_value.character_classes must name at least one class",
        refused={"character_classes": ["letters"]},
        found='["letters"].',
        accepted={"character_classes": ["numbers"]},
    ),
    Rule(
        id="exclude_characters",
        text="rotation.random_value.exclude_characters must leave at least one character",
        refused={"exclude_characters": "0123456789<"},
        found="0123456789<",
        accepted={"exclude_characters": "0123456789<", "character_classes": ["lowercase"]},
    ),
    Rule(
        id="length",
        text="rotation.random_value.length must be a whole number from 8 to 65536",
        refused={"length": 65_537},
        found="65537.",
        accepted={"length": 65_536},
    ),
    Rule(
        id="length-in-json",
        text="rotation.random_value.length must leave the JSON object at most 65536 bytes",
        refused={"json_key": "password", "length": 32_760},
        found="32760 characters.",
        accepted={"json_key": "password", "length": 32_759},
    ),
    Rule(
        id="bits",
        text="rotation.random_value must have at least 64 bits of randomness",
        refused={"character_classes": ["numbers"], "length": 19},
        found="63 bits.",
        accepted={"character_classes": ["numbers"], "length": 20},
    ),
    Rule(
        id="json_key",
        text="rotation.random_value.json_key must not be empty",
        refused={"json_key": ""},
        found="an empty key.",
        accepted={"json_key": "password"},
    ),
    Rule(
        id="constants",
        text="rotation.random_value.constants must be set together with json_key",
        refused={"constants": {"host": "db"}},
        found='{"constants":["host"],"json_key":null}.',
        accepted={"constants": {"host": "db"}, "json_key": "password"},
    ),
    Rule(
        id="constants-null",
        text="rotation.random_value.constants must not have a null",
        refused={"constants": {"a": None}, "json_key": "password"},
        found='["a"].',
        accepted={"constants": {"a": ""}, "json_key": "password"},
    ),
)


def random_strategy(**options: object) -> MakeStrategy:
    defaults = {
        "length": 32,
        "exclude_characters": "",
        "character_classes": ["lowercase", "numbers"],
        "json_key": "pepper",
    }
    return strategy("random_value", **{**defaults, **options})


def random_value(cloud: Cloud) -> Rotation:
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/pepper"),
        strategy=random_strategy(),
        service=NoService("pepper", 32),
        constants=CONSTANTS,
    )


_CLASSES = "one or more of lowercase, numbers, punctuation, uppercase, each with a character left"
_LENGTH = "a whole number from 1 to 65536"
_GUESSABLE = "long enough for 64 bits of randomness, and 9 of 36 characters give 46"
_OR_NULL = "a non-empty string or null"
_NO_PEPPER = "must be a JSON object with the string pepper"

_BAD_INPUT = BadInput(
    options=[
        ("length", "absent", ABSENT, _LENGTH),
        ("length", "null", None, _LENGTH),
        ("length", "none", 0, _LENGTH),
        ("length", "negative", -8, _LENGTH),
        ("length", "half", 8.5, _LENGTH),
        ("length", "text", "32", _LENGTH),
        ("length", "boolean", True, _LENGTH),
        ("length", "long", 65_537, _LENGTH),
        ("length", "endless", 10**15, _LENGTH),
        ("length", "guessable", 9, _GUESSABLE),
        ("exclude_characters", "number", 7, "a string or null"),
        ("exclude_characters", "list", ["a"], "a string or null"),
        ("exclude_characters", "whole-class", "0123456789", _CLASSES),
        ("character_classes", "absent", ABSENT, "a list of strings"),
        ("character_classes", "null", None, "a list of strings"),
        ("character_classes", "text", "numbers", "a list of strings"),
        ("character_classes", "number-in-it", ["numbers", 7], "a list of strings"),
        ("character_classes", "object", {"numbers": True}, "a list of strings"),
        ("character_classes", "empty", [], _CLASSES),
        ("character_classes", "unknown", ["emoji"], _CLASSES),
        ("character_classes", "other-case", ["Numbers"], _CLASSES),
        ("json_key", "empty", "", _OR_NULL),
        ("json_key", "number", 1, _OR_NULL),
        ("json_key", "list", ["pepper"], _OR_NULL),
        ("lenght", "misspelt", 32, UNKNOWN),
    ],
    fields=[
        ("pepper", "absent", ABSENT, _NO_PEPPER),
        ("pepper", "null", None, _NO_PEPPER),
        ("pepper", "number", 7, _NO_PEPPER),
        ("pepper", "boolean", True, _NO_PEPPER),
        ("pepper", "list", ["x"], _NO_PEPPER),
        ("pepper", "object", {"value": "x"}, _NO_PEPPER),
    ],
)

STRATEGY = RotatorUnderTest(
    name="random_value",
    rules=_RULES,
    changes={
        "character_classes": Change(effect=Effect.CARRIED, after=["numbers"]),
        "constants": Change(effect=Effect.CARRIED, after={"a": "b"}, more={"json_key": "password"}),
        "exclude_characters": Change(effect=Effect.CARRIED, after="abc"),
        "json_key": Change(effect=Effect.ROTATES, after="password"),
        "length": Change(effect=Effect.CARRIED, after=64),
    },
    options={},
    load=Subject(word="signing", variables={"recovery_window_in_days": "0"}, use=_sign),
    faults={"UpdateSecretVersionStage": Fault.RESET, "PutSecretValue": Fault.SKEWED},
    secret_fields=frozenset({"signing_key"}),
    walks={"random-value": Walk, "monitoring": _Monitored},
    grants=Grants(planned={}, rotation={}, scenarios={**REVOKE}),
    leaks=Leaks(
        rotation={},
        failures={
            "wrong-content": wrong_content(
                lambda mark: json.dumps({"password": mark, "user": "app"})
            )
        },
        slow_failures={
            "name": wrong_content(lambda mark: json.dumps({mark: "name", "user": "app"}))
        },
        variables={"initial_value_version": 1},
    ),
    unit=Unit(
        bad_input=_BAD_INPUT,
        make=random_value,
        kind=Kind.GENERATOR,
        represents_kind=True,
        held=lambda _: (),
        printable=frozenset(),
    ),
    sampled=True,
)
