"""A rotator of the user's own: the example for Redis."""

import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import redis

from rotation.aws import Clients
from rotation.settings import OptionReader
from rotation.strategies import CUSTOM_MODULE
from rotation.strategy import Generator, Issuer
from testing.harness.account import Aws, Secret
from tests.e2e.redis import redis_users
from tests.e2e.scenarios import REVOKE, Grants, a_clean_rotation
from tests.e2e.walk import Walk
from tests.faults.proxy import Fault
from tests.leaks.failures import Leaks, wrong_content
from tests.load.subject import Json, NotWorkingError, Subject
from tests.strategies import Change, Effect, RotatorUnderTest, Rule
from tests.unit.bad_input import ABSENT, UNKNOWN, BadInput
from tests.unit.cloud import Cloud, FakeClients
from tests.unit.rotator import Rotation
from tests.unit.services import Database, RevocablePassword
from tests.unit.subject import CONSTANTS, Kind, Unit, built, held_by_service

_SECRETS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret"
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


class _Walk(Walk):
    """The value is the password of a Redis user; the previous password works, too."""

    local_only = "Its function uses the local Redis, which AWS cannot reach."
    # The tests of grants rotate it with the deployed function, too.
    guarded_by = "tests/e2e/test_grants.py"

    @contextlib.contextmanager
    def prepared(self, aws: Aws) -> Iterator[None]:
        with redis_users(aws, self.redis, "cache") as variables:
            self.variables |= variables
            yield

    def require_promised(self, aws: Aws, secret: Secret) -> None:
        super().require_promised(aws, secret)
        values = [json.loads(text) for text in self.values]
        assert all(
            self.redis.accepts(one["username"], one["password"]) == (one in values[-2:])
            for one in values
        )
        assert len(self.redis.passwords("cache")) == 2


_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:administrator-a1B2c3"
_GRANT = {"actions": ["secretsmanager:GetSecretValue"], "resource": _ARN}

_RULES = (
    Rule(
        id="source_file",
        text="rotation.custom.source_file must be a Python file that defines build",
        refused={"source_file": "rotate.py"},
        found='no file "rotate.py".',
        accepted={},
    ),
    Rule(
        id="slots",
        text="rotation.custom.slots must be a whole number of at least 2",
        refused={"issuer": True, "slots": 1},
        found='{"issuer":true,"slots":1}.',
        accepted={"issuer": True, "slots": 2},
    ),
    Rule(
        id="environment",
        text="The names in rotation.custom.environment must have letters, digits and underscores",
        refused={"environment": {"AWS_REGION": "eu-west-2"}},
        found='["AWS_REGION"].',
        accepted={"environment": {"SSL_CERT_FILE": "/opt/ca.pem", "AWS_ENDPOINT_URL": "https://a"}},
    ),
    Rule(
        id="statements-sid",
        text="The keys of rotation.custom.statements must be Sids of letters and digits",
        refused={"statements": {"RotateThisSecret": _GRANT}},
        found='["RotateThisSecret"].',
        accepted={"statements": {"ReadTheAdministrator": _GRANT}},
    ),
    Rule(
        id="statements-actions",
        text="The actions of each statement in rotation.custom.statements must be full names",
        refused={
            "statements": {
                "ReadTheAdministrator": {"actions": ["secretsmanager:*"], "resource": _ARN}
            }
        },
        found='{"ReadTheAdministrator":["secretsmanager:*"]}.',
        accepted={
            "statements": {"Ask": {"actions": ["dynamodb:GetItem", "kms:Sign"], "resource": _ARN}}
        },
    ),
    Rule(
        id="statements-resource",
        text="The resource of each statement in rotation.custom.statements must be an ARN",
        refused={"statements": {"Ask": {**_GRANT, "resource": None}}},
        found='["Ask"].',
        accepted={"statements": {"Ask": {**_GRANT, "resource": "*"}}},
    ),
    Rule(
        id="statements-conditions",
        text="The conditions of each statement in rotation.custom.statements must have",
        refused={"statements": {"Ask": {**_GRANT, "conditions": {"StringEquals": {}}}}},
        found='{"Ask":{"StringEquals":{}}}.',
        accepted={
            "statements": {
                "Ask": {**_GRANT, "conditions": {"StringEquals": {"aws:RequestedRegion": ["a"]}}}
            }
        },
    ),
    Rule(
        id="null",
        text="constants, environment and options of rotation.custom must not have a null",
        refused={"constants": {"a": "b"}, "environment": {"B_B": None}},
        found='[[],["B_B"],[]].',
        accepted={"constants": {"a": ""}, "environment": {"B_B": "b"}, "options": {"c": "d"}},
    ),
)


def _secret(cloud: Cloud) -> Rotation:
    """Rotate by a file of the user: one for a database whose passwords it sets."""
    database = Database(cloud)
    options = {"issuer": False, "slots": None, "options": {"user": "app"}}
    strategy = partial(_built, "custom", options, database)
    strategy(FakeClients(cloud))
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/database"),
        strategy=strategy,
        service=database,
        constants=CONSTANTS,
    )


def _built(
    name: str, options: Mapping[str, object], database: Database, clients: Clients
) -> Generator | Issuer:
    file = ModuleType(CUSTOM_MODULE)

    def build_it(options: OptionReader, clients: Clients) -> RevocablePassword:
        assert options.text("user") == "app"
        assert clients("secretsmanager")
        return RevocablePassword(database)

    vars(file)["build"] = build_it
    sys.modules[CUSTOM_MODULE] = file
    return built(name, options, clients)


_A_FLAG = "true or false"
_NO_WORD = "must be a JSON object with the string password"
_TWO_SLOTS = "a whole number of at least 2"

_BAD_INPUT = BadInput(
    options=[
        ("issuer", "absent", ABSENT, _A_FLAG),
        ("issuer", "null", None, _A_FLAG),
        ("issuer", "text", "false", _A_FLAG),
        ("issuer", "number", 0, _A_FLAG),
        ("issuer", "other-kind", True, "false, because the family is Setter"),
        ("slots", "one", 1, _TWO_SLOTS),
        ("slots", "text", "2", _TWO_SLOTS),
        ("slots", "half", 2.5, _TWO_SLOTS),
        ("slots", "boolean", True, _TWO_SLOTS),
        ("slots", "list", [2], _TWO_SLOTS),
        ("options", "absent", ABSENT, "a JSON object"),
        ("options", "null", None, "a JSON object"),
        ("options", "text", "{}", "a JSON object"),
        ("options", "list", [], "a JSON object"),
        ("isuser", "misspelt", True, UNKNOWN),
    ],
    fields=[
        ("password", "absent", ABSENT, _NO_WORD),
        ("password", "null", None, _NO_WORD),
        ("password", "number", 7, _NO_WORD),
        ("password", "object", {"value": "x"}, _NO_WORD),
    ],
)

STRATEGY = RotatorUnderTest(
    name="custom",
    files=(
        "lambda/rotation/api.py",
        "tests/conformance/*",
        "tests/unit/test_api.py",
        "tools/conformance/*",
    ),
    rules=_RULES,
    changes={
        "constants": Change(effect=Effect.CARRIED, after={"a": "b"}),
        "environment": Change(effect=Effect.ROTATES, after={"A_B": "c"}),
        "issuer": Change(effect=Effect.ROTATES, after=True),
        "options": Change(effect=Effect.ROTATES, after={"user": "reporter"}),
        "searches_versions": Change(effect=Effect.CARRIED, after=True),
        "slots": Change(effect=Effect.ROTATES, after=3, before=2, more={"issuer": True}),
        "source_file": Change(
            effect=Effect.ROTATES,
            after=str(_EXAMPLE.parents[1] / "lambda/rotation/strategies/custom.py"),
        ),
        "statements": Change(effect=Effect.ROTATES, after={"Read": _GRANT}),
    },
    options={"source_file": str(_EXAMPLE / "rotate.py")},
    load=Subject(
        word="cache",
        variables={"minimum_overlap_minutes": "0", "recovery_window_in_days": "0"},
        use=_log_in,
        services=lambda services: services.redis,
    ),
    faults={"GetSecretValue": Fault.UNAVAILABLE},
    secret_fields=frozenset({"password"}),
    walks={"custom": _Walk},
    grants=Grants(
        planned={
            "issuer": True,
            "slots": 2,
            "source_file": "../module/examples/custom/rotate.py",
            "statements": {
                "ReadTheAdministrator": {
                    "actions": ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                    "resource": f"{_SECRETS}:redis/administrator-a1B2c3",
                }
            },
        },
        rotation={
            "source_file": "${path.module}/../examples/custom/rotate.py",
            "options": {
                "administrator_secret_arn": "${var.administrator_secret_arn}",
                "host": "${var.host}",
                "port": "${var.port}",
                "user": "grants",
            },
            "statements": {
                "ReadTheAdministrator": {
                    "actions": ["secretsmanager:GetSecretValue"],
                    "resource": "${var.administrator_secret_arn}",
                }
            },
        },
        scenarios={
            ("ReadTheAdministrator", "secretsmanager:GetSecretValue"): a_clean_rotation,
            **REVOKE,
        },
        reads="grants/administrator",
    ),
    leaks=Leaks(
        rotation={
            "source_file": "${path.module}/../examples/custom/rotate.py",
            "options": '${merge(var.redis, { user = "leaks" })}',
            "statements": {
                "ReadTheAdministrator": {
                    "actions": ["secretsmanager:GetSecretValue"],
                    "resource": "${var.redis.administrator_secret_arn}",
                }
            },
        },
        failures={"wrong-content": wrong_content(lambda mark: json.dumps({"password": mark}))},
        slow_failures={"text": wrong_content(lambda mark: mark)},
    ),
    unit=Unit(
        bad_input=_BAD_INPUT,
        make=_secret,
        kind=Kind.SETTER,
        represents_kind=True,
        held=partial(held_by_service, "accepted"),
        printable=frozenset(),
    ),
    sampled=True,
)
