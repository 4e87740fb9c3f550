"""The strategy postgres on a PostgreSQL server in the cloud: what no other strategy does."""

from __future__ import annotations

import pytest

from rotation.errors import ConfigurationError, CredentialRejected, ProtocolError
from rotation.event import Step
from tests.unit.cloud import Cloud
from tests.unit.postgresql_server import PostgresqlServer, users


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


def test_a_missing_user_is_named() -> None:
    rotation = users(Cloud())
    del _server(rotation).roles["app"]
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    with pytest.raises(ConfigurationError, match="must have the role app, which is username"):
        rotation.step(Step.SET, token)
