"""The strategy mysql on a server in the cloud: what no other strategy does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    PermissionDenied,
    ServiceUnavailable,
    TooSoon,
)
from rotation.event import Step
from rotation.services.mysql.passwords import native_hash
from rotation.services.mysql.session import Version
from tests.unit.cloud import Cloud
from tests.unit.databases import HOST
from tests.unit.mysql_server import MysqlServer, users

if TYPE_CHECKING:
    from tests.unit.rotator import Rotation

_FIRST = "the-first-password"


def _server(rotation: Rotation) -> MysqlServer:
    assert isinstance(rotation.service, MysqlServer)
    return rotation.service


def _by_itself(engine: str) -> Rotation:
    """Let the user change its own password, which the secret has."""
    rotation = users(Cloud(), mode="single_user", engine=engine, administered=False)
    server = _server(rotation)
    server.accounts["app"].passwords = [native_hash(_FIRST)]
    value = {"engine": engine, "host": HOST, "username": "app", "password": _FIRST, "port": "3306"}
    rotation.put_by_hand(json.dumps(value))
    return rotation


def _set(rotation: Rotation) -> str:
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.step(Step.SET, token)
    return token


def test_two_users_take_turns_and_the_second_one_gets_the_privileges_of_the_first() -> None:
    rotation = users(Cloud())
    server = _server(rotation)
    names = []
    for _ in range(2):
        rotation.rotate()
        names.append(rotation.secret.value()["username"])
    server.accounts["app"].granted = {"GRANT SELECT ON `shop`.`new` TO {}"}
    rotation.rotate()
    assert [*names, rotation.secret.value()["username"]] == ["app_clone", "app", "app_clone"]
    assert server.works(rotation.secret.value())


def test_a_user_of_alternating_users_has_one_password() -> None:
    """Its secret may have had the other mode before."""
    rotation = users(Cloud())
    server = _server(rotation)
    rotation.rotate()
    server.accounts["app"].passwords = [native_hash("older"), native_hash("oldest")]
    rotation.rotate()
    assert len(server.accounts["app"].passwords) == 1


def test_an_old_server_knows_neither_dual_passwords_nor_hexadecimal_ones() -> None:
    rotation = users(Cloud())
    _server(rotation).version = Version(mariadb=False, number=(5, 7, 44))
    rotation.rotate()
    assert _server(rotation).works(rotation.secret.value())
    single = users(Cloud(), mode="single_user")
    _server(single).version = Version(mariadb=False, number=(8, 0, 13))
    with pytest.raises(ConfigurationError, match=r"must be MySQL 8\.0\.14 or newer"):
        _set(single)


def test_both_passwords_work_until_the_next_rotation() -> None:
    rotation = users(Cloud(), mode="single_user")
    server = _server(rotation)
    server.accounts["app"].passwords = [native_hash(_FIRST)]
    rotation.rotate()
    assert server.accepts("app", _FIRST)
    first = rotation.secret.value()
    rotation.rotate()
    assert server.works(first)
    assert server.works(rotation.secret.value())
    with pytest.raises(TooSoon):
        rotation.step(Step.CREATE, rotation.stage())


def test_a_repeated_first_rotation_keeps_the_password_that_applications_have() -> None:
    rotation = users(Cloud(), mode="single_user")
    _server(rotation).accounts["app"].passwords = [native_hash(_FIRST)]
    rotation.step(Step.SET, _set(rotation))
    assert _server(rotation).accepts("app", _FIRST)


def test_a_cancelled_rotation_does_not_end_the_current_password() -> None:
    rotation = users(Cloud(), mode="single_user")
    rotation.rotate()
    rotation.wait_out_the_overlap()
    _set(rotation)
    rotation.give_up()
    _set(rotation)
    assert _server(rotation).works(rotation.secret.value())


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_user_changes_its_own_password(engine: str) -> None:
    rotation = _by_itself(engine)
    rotation.rotate()
    value = rotation.secret.value()
    assert _server(rotation).works(value)
    assert value["port"] == "3306"


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_user_logs_in_with_any_password_of_its_secret(engine: str) -> None:
    """A snapshot of the server was restored, or a rotation was cancelled."""
    rotation = _by_itself(engine)
    rotation.rotate()
    rotation.wait_out_the_overlap()
    _server(rotation).accounts["app"].passwords = [native_hash(_FIRST)]
    rotation.rotate()
    assert _server(rotation).works(rotation.secret.value())


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_user_without_a_password_of_its_secret_cannot_change_it(engine: str) -> None:
    rotation = _by_itself(engine)
    _server(rotation).accounts["app"].passwords = [native_hash("by hand")]
    with pytest.raises(CredentialRejected, match="none of the passwords in this secret's versions"):
        _set(rotation)


def test_a_history_may_refuse_the_current_password() -> None:
    rotation = users(Cloud(), mode="single_user")
    server = _server(rotation)
    rotation.rotate()
    rotation.wait_out_the_overlap()
    current = rotation.secret.value()
    server.history = {current["password"]}
    rotation.rotate()
    assert server.works(current)


def test_a_missing_privilege_is_named() -> None:
    rotation = _by_itself("mysql")
    _server(rotation).may_retain = False
    with pytest.raises(PermissionDenied, match=r"Grant APPLICATION_PASSWORD_ADMIN ON \*\.\*"):
        _set(rotation)
    rotation = users(Cloud(), mode="single_user")
    _server(rotation).may_retain = False
    with pytest.raises(PermissionDenied, match="Grant CREATE USER"):
        _set(rotation)


def test_a_change_waits_for_no_other_delivery_for_long() -> None:
    rotation = users(Cloud(), mode="single_user")
    _server(rotation).locked = True
    with pytest.raises(ServiceUnavailable, match="waited too long for a lock"):
        _set(rotation)


@pytest.mark.parametrize("mode", ["alternating_users", "single_user"])
@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_nothing_changes_on_a_server_that_is_not_as_configured(mode: str, engine: str) -> None:
    rotation = users(Cloud(), mode=mode, engine=engine)
    rotation.rotate()
    rotation.wait_out_the_overlap()
    server = _server(rotation)
    before = {name: [*account.passwords] for name, account in server.accounts.items()}
    server.read_only = "1"
    with pytest.raises(ConfigurationError, match="it is read-only, like a replica"):
        _set(rotation)
    server.read_only = "0"
    server.version = Version(mariadb=engine == "mysql", number=(11, 4, 5))
    with pytest.raises(ConfigurationError, match="as engine in the variable rotation says"):
        _set(rotation)
    server.version = Version(mariadb=engine == "mariadb", number=(11, 4, 5))
    del server.accounts["app"]
    with pytest.raises(ConfigurationError, match="Found: 0 accounts"):
        _set(rotation)
    after = {name: account.passwords for name, account in server.accounts.items()}
    assert after == {name: before[name] for name in after}
