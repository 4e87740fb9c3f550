"""The strategy mysql on a server in the cloud: what no other strategy does."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rotation.engine import Outcome
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
from rotation_conformance.account import Killed, Side, kill
from rotation_conformance.rotator import watched
from tests.unit.cloud import Cloud
from tests.unit.databases import FIRST_PASSWORD
from tests.unit.mysql_server import MysqlServer, by_itself, users
from tests.unit.revocations import assert_revoked, report, start

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.rotator import Rotation


def _server(rotation: Rotation) -> MysqlServer:
    assert isinstance(rotation.service, MysqlServer)
    return rotation.service


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
    server.accounts["app"].passwords = [native_hash(FIRST_PASSWORD)]
    rotation.rotate()
    assert server.accepts("app", FIRST_PASSWORD)
    first = rotation.secret.value()
    rotation.rotate()
    assert server.works(first)
    assert server.works(rotation.secret.value())
    with pytest.raises(TooSoon):
        rotation.step(Step.CREATE, rotation.stage())


def test_a_repeated_first_rotation_keeps_the_password_that_applications_have() -> None:
    rotation = users(Cloud(), mode="single_user")
    _server(rotation).accounts["app"].passwords = [native_hash(FIRST_PASSWORD)]
    rotation.step(Step.SET, _set(rotation))
    assert _server(rotation).accepts("app", FIRST_PASSWORD)


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
    rotation = by_itself(Cloud(), engine)
    rotation.rotate()
    assert _server(rotation).works(rotation.secret.value())


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_user_logs_in_with_any_password_of_its_secret(engine: str) -> None:
    """A snapshot of the server was restored, or a rotation was cancelled."""
    rotation = by_itself(Cloud(), engine)
    rotation.rotate()
    rotation.wait_out_the_overlap()
    _server(rotation).accounts["app"].passwords = [native_hash(FIRST_PASSWORD)]
    rotation.rotate()
    assert _server(rotation).works(rotation.secret.value())


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_user_without_a_password_of_its_secret_cannot_change_it(engine: str) -> None:
    rotation = by_itself(Cloud(), engine)
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
    rotation = by_itself(Cloud(), "mysql")
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


def _leaked(rotation: Rotation) -> tuple[Rotation, str, str]:
    """Report the current password, and rotate up to the last step."""
    rotation = replace(rotation, revocable=True)
    rotation.rotate()
    leaked = rotation.secret.labels["AWSCURRENT"]
    report(rotation)
    token = start(rotation)
    for step in (Step.CREATE, Step.SET, Step.TEST):
        rotation.step(step, token)
    return rotation, token, leaked


@pytest.mark.parametrize("mode", ["alternating_users", "single_user"])
@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_revocation_ends_the_password_and_the_sessions_of_each_user(
    mode: str, engine: str
) -> None:
    rotation, token, leaked = _leaked(users(Cloud(), mode=mode, engine=engine))
    server = _server(rotation)
    own = ["app", "app_clone"] if mode == "alternating_users" else ["app"]
    server.sessions = {str(number): user for number, user in enumerate([*own, "admin"], start=7)}
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)
    assert [*server.sessions.values()] == ["admin"]


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_user_ends_its_own_old_password(engine: str) -> None:
    rotation, token, leaked = _leaked(by_itself(Cloud(), engine))
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)


@pytest.mark.parametrize("has_history", [False, True])
def test_only_the_current_password_stays(*, has_history: bool) -> None:
    """A later rotation that was cancelled may have made its own the newer of the two."""
    rotation, token, leaked = _leaked(users(Cloud(), mode="single_user"))
    server = _server(rotation)
    if has_history:
        server.history = {rotation.secret.value("AWSPENDING")["password"]}
    else:
        server.accounts["app"].passwords.insert(0, native_hash("of a cancelled rotation"))
        del server.accounts["app"].passwords[2:]
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)
    assert len(server.accounts["app"].passwords) == 1


def test_a_session_that_has_ended_meanwhile_stops_no_revocation() -> None:
    class Leaving(dict[str, str]):
        def pop(self, *_: object) -> None:  # type: ignore[override]
            """Find no session."""

    rotation, token, _ = _leaked(users(Cloud()))
    _server(rotation).sessions = Leaving({"7": "app"})
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED


@pytest.mark.parametrize("engine", ["mysql", "mariadb"])
def test_a_leaked_user_that_was_dropped_stays_away(engine: str) -> None:
    rotation, token, _ = _leaked(users(Cloud(), engine=engine))
    del _server(rotation).accounts["app_clone"]
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert "app_clone" not in _server(rotation).accounts


def test_a_revocation_changes_no_privilege() -> None:
    """The second user's may differ at that time, e.g. because they cannot be copied any more."""
    rotation, token, _ = _leaked(users(Cloud()))
    _server(rotation).accounts["app"].granted = {"GRANT SELECT ON `shop`.`new` TO {}"}
    before = {*_server(rotation).accounts["app_clone"].granted}
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert _server(rotation).accounts["app_clone"].granted == before


_OTHER_MODES: dict[str, Callable[[], Rotation]] = {
    "mariadb-alternating_users": lambda: users(Cloud(), engine="mariadb"),
    "mariadb-single_user": lambda: users(Cloud(), mode="single_user", engine="mariadb"),
    "mariadb-self": lambda: by_itself(Cloud(), "mariadb"),
    "mysql-self": lambda: by_itself(Cloud(), "mysql"),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", _OTHER_MODES.values(), ids=_OTHER_MODES)
def test_a_revocation_completes_after_a_crash_at_any_call(make: Callable[[], Rotation]) -> None:
    """tests/unit/test_revocation.py does so for the other modes."""
    rehearsal, token, _ = _leaked(make())
    rehearsal.cloud.fuse.arm()
    rehearsal.step(Step.FINISH, token)
    calls = range(1, len(rehearsal.cloud.fuse.calls) + 1)
    for number, side in itertools.product(calls, Side):
        rotation, token, leaked = _leaked(make())
        rotation.cloud.fuse.arm(watched(rotation), kill(number, side))
        with pytest.raises(Killed):
            rotation.step(Step.FINISH, token)
        rotation.retry(token)
        assert_revoked(rotation, token, leaked)
        rotation.rotate()
        assert _server(rotation).works(rotation.secret.value())
