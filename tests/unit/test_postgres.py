"""The strategy postgres on a PostgreSQL server in the cloud: what no other strategy does."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from rotation.engine import Outcome
from rotation.errors import ConfigurationError, CredentialRejected, ProtocolError
from rotation.event import Step
from rotation.services.postgresql.passwords import md5_hash
from rotation_conformance.account import interpose
from tests.unit.cloud import Cloud
from tests.unit.postgresql_server import PostgresqlServer, users
from tests.unit.revocations import assert_revoked, report, start

if TYPE_CHECKING:
    from tests.unit.rotator import Rotation


def _server(rotation: object) -> PostgresqlServer:
    server = getattr(rotation, "service", None)
    assert isinstance(server, PostgresqlServer)
    return server


def test_two_users_take_turns_and_the_first_value_is_for_the_second_one() -> None:
    rotation = users(Cloud())
    server = _server(rotation)
    before = server.roles["app"].password
    names = []
    for _ in range(3):
        rotation.rotate()
        names.append(rotation.secret.value()["username"])
        if len(names) == 1:
            assert server.roles["app"].password == before
    assert names == ["app_clone", "app", "app_clone"]


def test_a_first_value_that_was_never_set_does_not_change_the_first_user() -> None:
    """Applications may have its password from elsewhere."""
    rotation = users(Cloud())
    server = _server(rotation)
    before = server.roles["app"].password
    rotation.step(Step.CREATE, rotation.stage())
    assert rotation.secret.value()["username"] == "app_clone"
    rotation.give_up()
    rotation.rotate()
    assert rotation.secret.value()["username"] == "app_clone"
    assert server.roles["app"].password == before


def test_a_rotation_is_given_up_if_the_user_that_it_is_for_is_in_use_again() -> None:
    rotation = users(Cloud())
    rotation.rotate()
    rotation.rotate()
    rotation.wait_out_the_overlap()
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    # An operator moves AWSCURRENT back.
    rotation.secret.attach("AWSCURRENT", rotation.secret.labels["AWSPREVIOUS"])
    current = rotation.secret.value()
    assert current["username"] == rotation.secret.value("AWSPENDING")["username"]
    with pytest.raises(ProtocolError, match="was cancelled"):
        rotation.step(Step.SET, token)
    assert _server(rotation).works(current)
    assert "AWSPENDING" not in rotation.secret.labels


def test_a_clone_that_is_no_longer_a_member_is_rejected_and_becomes_a_member_again() -> None:
    rotation = users(Cloud())
    rotation.rotate()
    server = _server(rotation)
    server.roles["app_clone"].is_member = False
    with pytest.raises(CredentialRejected, match="GRANT app TO app_clone"):
        rotation.step(Step.TEST, rotation.secret.labels["AWSCURRENT"])
    rotation.rotate()
    rotation.rotate()
    assert server.works(rotation.secret.value())


@pytest.mark.parametrize(("option", "database"), [("shop", "shop"), (None, "postgres")])
def test_the_function_uses_the_database_of_the_option(option: str | None, database: str) -> None:
    rotation = users(Cloud())
    make: Any = rotation.strategy
    name, options, server = make.args
    rotation = rotation.changed(partial(make.func, name, {**options, "dbname": option}, server))
    rotation.rotate()
    rotation.put_by_hand(json.dumps({**rotation.secret.value(), "dbname": "other"}))
    rotation.rotate()
    assert server.database == database


def test_a_missing_user_is_named() -> None:
    rotation = users(Cloud())
    del _server(rotation).roles["app"]
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    with pytest.raises(ConfigurationError, match="must have the role app, which is username"):
        rotation.step(Step.SET, token)


_MODES = ["alternating_users", "single_user"]


def _leaked(mode: str = "alternating_users") -> tuple[Rotation, str, str]:
    """Report the current password, and rotate up to the last step."""
    rotation = replace(users(Cloud(), mode), revocable=True)
    rotation.rotate()
    leaked = rotation.secret.labels["AWSCURRENT"]
    report(rotation)
    token = start(rotation)
    for step in (Step.CREATE, Step.SET, Step.TEST):
        rotation.step(step, token)
    rotation.cloud.fuse.arm()
    return rotation, token, leaked


@pytest.mark.parametrize("mode", _MODES)
def test_a_revocation_ends_the_sessions_of_each_user_of_the_secret(mode: str) -> None:
    rotation, token, leaked = _leaked(mode)
    server = _server(rotation)
    own = ["app", "app_clone"] if mode == "alternating_users" else ["app"]
    server.sessions = [*own, *own, "admin", "reader"]
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)
    assert server.sessions == ["admin", "reader"]


def test_a_leaked_user_that_was_dropped_stays_away() -> None:
    rotation, token, _ = _leaked()
    del _server(rotation).roles["app_clone"]
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert "app_clone" not in _server(rotation).roles


def _take(server: PostgresqlServer, user: str) -> None:
    """Change the user's password in one of its sessions, as whoever has opened it may."""
    if user in server.sessions:
        server.roles[user].password = md5_hash("stolen", user)


@pytest.mark.parametrize(
    ("mode", "user"),
    [("alternating_users", "app"), ("alternating_users", "app_clone"), ("single_user", "app")],
)
def test_no_session_keeps_a_user_by_a_new_password(mode: str, user: str) -> None:
    rehearsal, token, _ = _leaked(mode)
    rehearsal.step(Step.FINISH, token)
    outcomes = set()
    for number in range(1, len(rehearsal.cloud.fuse.calls) + 1):
        rotation, token, _ = _leaked(mode)
        server, outcome = _server(rotation), None
        server.sessions = [*server.roles]
        rotation.cloud.fuse.arm(interpose(number, partial(_take, server, user)))
        with suppress(CredentialRejected):
            outcome = rotation.step(Step.FINISH, token)
        outcomes.add(outcome)
        taken = user in server.roles and server.roles[user].password == md5_hash("stolen", user)
        assert outcome is None or not taken, number
    assert Outcome.REVOKED in outcomes
