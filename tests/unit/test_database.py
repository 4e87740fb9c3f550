"""The secret of a database user, for all databases."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from rotation.errors import ConfigurationError
from rotation.services import database
from rotation.settings import OptionReader
from tests.unit.bad_input import ABSENT, ARN
from tests.unit.cloud import Cloud
from tests.unit.databases import ADMIN_PASSWORD, HOST, REPLACED
from tests.unit.mysql_server import users as mysql_users
from tests.unit.postgresql_server import users as postgresql_users

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.unit.rotator import Rotation

_ENGINES: Final[Mapping[str, Callable[..., Rotation]]] = {
    "mariadb": partial(mysql_users, engine="mariadb"),
    "mysql": mysql_users,
    "postgres": postgresql_users,
}
_PORTS: Final = {"mariadb": 3306, "mysql": 3306, "postgres": 5432}
_EACH_ENGINE: Final = pytest.mark.parametrize("engine", [*_ENGINES])
_EACH_MODE: Final = pytest.mark.parametrize(
    "mode", ["alternating_users", "single_user", "single_user_by_itself"]
)


def _administrator(arn: str) -> database.Administrator | None:
    options = OptionReader({"admin_secret_arn": arn}, path="options")
    clients: Any = Cloud().clients
    return database.administrator(options, clients)


def test_the_administrator_may_be_the_master_user_of_rds() -> None:
    """RDS gives its secret a name with an exclamation mark, which no other secret may have."""
    arn = ARN.replace(ARN.rpartition(":")[2], "rds!db-0e1f2a3b-a1B2c3")
    found = _administrator(arn)
    assert found is not None
    assert found.arn == arn


@pytest.mark.parametrize("name", ["reports/*", "reports/?", "reports/${aws:username}", ""])
def test_the_arn_of_the_administrator_has_no_wildcard(name: str) -> None:
    with pytest.raises(ConfigurationError, match="must be the ARN of a secret, or null"):
        _administrator(ARN.replace(ARN.rpartition(":")[2], name))


def _changed(rotation: Rotation, **options: object) -> Rotation:
    """Apply other options."""
    made: Any = rotation.strategy
    name, before, server = made.args
    return rotation.changed(partial(made.func, name, {**before, **options}, server))


def _rotated(engine: str, mode: str) -> Rotation:
    """Rotate the first time, which needs an administrator."""
    rotation = _ENGINES[engine](Cloud(), mode=mode.removesuffix("_by_itself"))
    rotation.rotate()
    if not mode.endswith("_by_itself"):
        return rotation
    rotation = _changed(rotation, admin_secret_arn=None)
    rotation.rotate()
    return rotation


def _next(rotation: Rotation, **fields: object) -> dict[str, Any]:
    """Put fields into the current value, rotate, and return the next value."""
    value = {**rotation.secret.value(), **fields}
    kept = {name: field for name, field in value.items() if field is not ABSENT}
    rotation.put_by_hand(json.dumps(kept))
    rotation.rotate()
    after: dict[str, Any] = rotation.secret.value()
    assert after["password"] != value["password"]
    return after


@_EACH_MODE
@_EACH_ENGINE
def test_a_first_value_has_what_the_options_name(engine: str, mode: str) -> None:
    rotation = _rotated(engine, mode)
    value = rotation.secret.value()
    user = "app_clone" if mode == "alternating_users" else "app"
    administrator = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:database/administrator"
    names = {"engine": engine, "host": HOST, "port": _PORTS[engine], "dbname": "shop"}
    if not mode.endswith("_by_itself"):
        names["masterarn"] = f"{administrator}-Ab12Cd"
    assert value == {
        **names,
        "username": user,
        "password": value["password"],
        **rotation.constants,
    }


@pytest.mark.parametrize(
    ("field", "wrong"), [pytest.param(*row[::2], id="-".join(row[:2])) for row in REPLACED]
)
@_EACH_MODE
@_EACH_ENGINE
def test_the_next_value_has_what_the_options_name(
    engine: str, mode: str, field: str, wrong: object
) -> None:
    rotation = _rotated(engine, mode)
    named = rotation.secret.value().get(field)
    assert _next(rotation, **{field: wrong}).get(field) == named


@_EACH_MODE
@_EACH_ENGINE
def test_a_port_that_is_a_string_stays_one(engine: str, mode: str) -> None:
    """As in https://github.com/aws-samples/aws-secrets-manager-rotation-lambdas/issues/151."""
    assert _next(_rotated(engine, mode), port="1")["port"] == str(_PORTS[engine])


@pytest.mark.parametrize(
    ("engine", "aurora"), [("mysql", "aurora-mysql"), ("postgres", "aurora-postgresql")]
)
@_EACH_MODE
def test_the_engine_of_aurora_stays(engine: str, aurora: str, mode: str) -> None:
    assert _next(_rotated(engine, mode), engine=aurora)["engine"] == aurora


@pytest.mark.parametrize("dbname", [ABSENT, "orders"])
@_EACH_MODE
@_EACH_ENGINE
def test_without_the_option_the_database_stays(engine: str, mode: str, dbname: object) -> None:
    """Whoever moves in from AWS's template need not name it."""
    rotation = _changed(_rotated(engine, mode), dbname=None)
    assert _next(rotation, dbname=dbname).get("dbname", ABSENT) == dbname


@pytest.mark.parametrize(("engine", "dbname"), [("mysql", None), ("postgres", "postgres")])
def test_a_first_value_has_the_database_of_the_option_or_the_usual_one(
    engine: str, dbname: str | None
) -> None:
    rotation = _changed(_ENGINES[engine](Cloud()), dbname=None)
    rotation.rotate()
    assert rotation.secret.value().get("dbname") == dbname


@pytest.mark.parametrize("mode", ["alternating_users", "single_user"])
@_EACH_ENGINE
def test_another_administrator_is_the_one_of_the_next_value(engine: str, mode: str) -> None:
    rotation = _rotated(engine, mode)
    former = rotation.cloud.secrets[rotation.secret.value()["masterarn"]]
    value = json.dumps({"username": "admin", "password": ADMIN_PASSWORD})
    moved = rotation.cloud.add_secret("database/moved", value).arn
    del rotation.cloud.secrets[former.arn]
    rotation = _changed(rotation, admin_secret_arn=moved)
    rotation.rotate()
    assert rotation.secret.value()["masterarn"] == moved
