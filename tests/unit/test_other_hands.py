"""Other people change the secret, its tag and its credentials, and the rotation stays safe."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotation.attempt import TAG, Attempt, Rollback, digest, parse
from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    ForeignCredential,
    NotYet,
    ProtocolError,
    TooSoon,
)
from rotation.event import Step
from rotation_conformance.account import Killed, Side, StoredVersion, interpose, kill
from rotation_conformance.rotator import assert_converged, assert_foreign_untouched
from tests.unit.services import Database
from tests.unit.subject import USER
from tests.unit.subjects import EACH_SUBJECT, FEW_SLOTS, SETTER, prepared

if TYPE_CHECKING:
    from tests.unit.cloud import Key
    from tests.unit.rotator import Rotation


def _naming(key: Key, secret: str) -> str:
    """Return a value that names a key."""
    return json.dumps(
        {"Version": 1, "AccessKeyId": key.key_id, "SecretAccessKey": secret, "UserName": USER}
    )


def _put(rotation: Rotation, text: str) -> str:
    """Put a version with a label of one's own, which the fake need not keep."""
    version = rotation.cloud.new_token()
    rotation.secret.versions[version] = StoredVersion(created=rotation.cloud.time.now, text=text)
    return version


def _previous(rotation: Rotation) -> str:
    return str(rotation.secret.value("AWSPREVIOUS")["AccessKeyId"])


# The record of an attempt.


@pytest.mark.parametrize(
    "ahead", [pytest.param(timedelta(minutes=1), id="minute"), pytest.param(timedelta(3650))]
)
def test_a_record_in_the_future_does_not_count(ahead: timedelta) -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    start = rotation.cloud.time.now + ahead
    forged = Attempt(
        token=rotation.cloud.new_token(),
        owner=digest(f"IamAccessKey IAM user {USER}"),
        started=start,
        ended=start,
        lease=start + timedelta(minutes=15),
        present=frozenset(),
    )
    real = parse(rotation.secret.tags[TAG])
    assert isinstance(real, Attempt)
    assert real.owner == forged.owner
    rotation.secret.tags[TAG] = forged.text()
    rotation.steps(rotation.stage())
    assert_converged(rotation)


def test_a_key_made_between_the_list_and_the_record_is_foreign() -> None:
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.cloud.fuse.arm(
        interpose("tag_resource", lambda: rotation.cloud.add_key(USER)),
        kill("create_access_key", Side.BEFORE),
    )
    token = rotation.stage()
    with pytest.raises(Killed):
        rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm()
    rotation.cloud.time.advance(600)
    with pytest.raises(ForeignCredential):
        rotation.step(Step.CREATE, token)
    assert_foreign_untouched(rotation)


# The versions of the secret.


def test_a_version_with_a_false_secret_does_not_make_a_key_ours() -> None:
    rotation = prepared(FEW_SLOTS, "one_current")
    foreign = rotation.cloud.add_key(USER)
    rotation.wait_out_the_overlap()
    _put(rotation, _naming(foreign, "no-such-secret"))
    with pytest.raises(ForeignCredential, match=foreign.key_id):
        rotation.step(Step.CREATE, rotation.stage())
    assert_foreign_untouched(rotation)


def test_a_version_with_a_valid_secret_makes_a_key_ours() -> None:
    """An operator moved the application's key into the secret."""
    rotation = prepared(FEW_SLOTS, "one_current")
    moved = rotation.cloud.add_key(USER)
    rotation.wait_out_the_overlap()
    _put(rotation, _naming(moved, moved.secret))
    rotation.rotate()
    assert rotation.cloud.key(moved.key_id) is None


def test_a_version_from_the_time_of_a_key_makes_an_inactive_key_ours() -> None:
    rotation = prepared(FEW_SLOTS, "given_up")
    for key in rotation.cloud.users[USER]:
        key.active = key.key_id == rotation.secret.value()["AccessKeyId"]
    rotation.secret.tags.clear()
    rotation.rotate()
    assert_converged(rotation)


def _with_many_versions(rotation: Rotation) -> None:
    rotation.cloud.time.advance(1)
    for number in range(2500):
        _put(rotation, f'{{"version": {number}}}')


def test_our_version_is_found_among_thousands() -> None:
    rotation = prepared(FEW_SLOTS, "given_up")
    rotation.secret.tags.clear()
    rotation.cloud.time.advance(60)
    _with_many_versions(rotation)
    rotation.rotate()
    assert_converged(rotation)


def test_thousands_of_versions_do_not_use_up_the_time() -> None:
    rotation = prepared(FEW_SLOTS, "one_current")
    foreign = rotation.cloud.add_key(USER)
    _with_many_versions(rotation)
    start = rotation.cloud.time.now
    with pytest.raises(ForeignCredential, match=foreign.key_id):
        rotation.step(Step.CREATE, rotation.stage())
    assert (rotation.cloud.time.now - start).total_seconds() < rotation.timeout


def test_a_name_in_a_value_is_not_repeated() -> None:
    """Someone mixed up the fields: the name is a password."""
    rotation = prepared(FEW_SLOTS, "one_current")
    value = {**rotation.secret.value(), "UserName": "hunter2hunter2"}
    rotation.secret.versions[rotation.secret.labels["AWSCURRENT"]].text = json.dumps(value)
    with pytest.raises(ConfigurationError, match=f"another owner than IAM user {USER}") as refusal:
        rotation.step(Step.CREATE, rotation.stage())
    assert "hunter2" not in str(refusal.value)


# A rollback by hand.


def _rolled_back(state: str = "steady") -> Rotation:
    """Move AWSCURRENT back a day after a rotation, and give up that rotation."""
    rotation = prepared(FEW_SLOTS, state)
    rotation.cloud.time.advance(24 * 60 * 60)
    rotation.give_up()
    rotation.secret.attach("AWSCURRENT", rotation.secret.labels["AWSPREVIOUS"])
    rotation.cloud.time.advance(120)
    return rotation


def test_a_credential_that_was_current_until_a_rollback_keeps_its_overlap() -> None:
    rotation = _rolled_back()
    left = _previous(rotation)
    token = rotation.stage()
    with pytest.raises(TooSoon, match=left):
        rotation.step(Step.CREATE, token)
    rotation.cloud.time.advance(59 * 60)
    with pytest.raises(TooSoon, match=left):
        rotation.step(Step.CREATE, token)
    rotation.cloud.time.advance(2 * 60)
    rotation.retry(token)
    assert_converged(rotation)
    assert rotation.cloud.key(left) is None


def test_the_overlap_counts_from_the_cancellation_of_an_overtaken_rotation() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.cloud.time.advance(24 * 60 * 60)
    rotation.secret.attach("AWSCURRENT", rotation.secret.labels["AWSPREVIOUS"])
    with pytest.raises(ProtocolError):
        rotation.steps(rotation.stage())
    rotation.wait_out_the_overlap()
    rotation.retry(rotation.stage())
    assert_converged(rotation)


def test_a_forged_time_of_a_rollback_in_the_future_does_not_count() -> None:
    rotation = _rolled_back()
    later = rotation.cloud.time.now + timedelta(days=3650)
    forged = Rollback(version_id=rotation.secret.labels["AWSPREVIOUS"], seen=later)
    rotation.secret.tags[TAG] = forged.text()
    token = rotation.stage()
    with pytest.raises(TooSoon):
        rotation.step(Step.CREATE, token)
    rotation.wait_out_the_overlap()
    rotation.retry(token)
    assert_converged(rotation)


# A credential that is dead.


def test_an_inactive_previous_key_protects_nothing() -> None:
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.rotate()
    previous = rotation.cloud.key(_previous(rotation))
    assert previous
    previous.active = False
    rotation.retry(rotation.stage())
    assert rotation.cloud.key(previous.key_id) is None
    assert_converged(rotation)


def test_a_previous_key_protects_no_free_slot() -> None:
    """The current key was deleted by hand: applications need a new one now."""
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.rotate()
    current = rotation.cloud.key(rotation.secret.value()["AccessKeyId"])
    assert current
    previous = _previous(rotation)
    rotation.cloud.remove_key(current)
    token = rotation.stage()
    rotation.retry(token)
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert rotation.cloud.key(previous)


@pytest.mark.parametrize("state", [pytest.param(s, id=s) for s in ("empty", "steady")])
def test_a_pending_key_that_was_deleted_is_given_up(state: str) -> None:
    rotation = prepared(FEW_SLOTS, state)
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    pending = rotation.cloud.key(rotation.secret.value("AWSPENDING")["AccessKeyId"])
    assert pending
    rotation.cloud.remove_key(pending)
    with pytest.raises(ProtocolError, match=f"{pending.key_id} in version {token} .* was deleted"):
        rotation.step(Step.TEST, token)
    assert "AWSPENDING" not in rotation.secret.labels
    rotation.rotate()
    assert_converged(rotation)


def test_a_pending_key_that_was_disabled_is_not_given_up() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    pending = rotation.cloud.key(rotation.secret.value("AWSPENDING")["AccessKeyId"])
    assert pending
    pending.active = False
    with pytest.raises(CredentialRejected):
        rotation.step(Step.TEST, token)
    assert rotation.secret.labels["AWSPENDING"] == token


# finishSecret out of order.


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_version_without_a_value_is_not_promoted(subject: str) -> None:
    rotation = prepared(subject, "steady")
    before = dict(rotation.secret.labels)
    token = rotation.stage()
    with pytest.raises(NotYet, match="has no value yet"):
        rotation.step(Step.FINISH, token)
    assert rotation.secret.labels == {**before, "AWSPENDING": token}


def test_a_key_that_is_rejected_is_not_promoted() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    current = rotation.secret.labels["AWSCURRENT"]
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.cloud.not_accepted_yet = lambda _age: True
    with pytest.raises(CredentialRejected):
        rotation.step(Step.FINISH, token)
    assert rotation.secret.labels["AWSCURRENT"] == current


def test_a_password_that_was_not_set_is_not_promoted() -> None:
    rotation = prepared(SETTER, "steady")
    current = rotation.secret.labels["AWSCURRENT"]
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    with pytest.raises(CredentialRejected):
        rotation.step(Step.FINISH, token)
    assert rotation.secret.labels["AWSCURRENT"] == current


def test_a_credential_of_another_user_is_not_promoted() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    value = {**rotation.secret.value("AWSPENDING"), "UserName": "somebody"}
    rotation.secret.versions[token].text = json.dumps(value)
    with pytest.raises(ConfigurationError):
        rotation.step(Step.FINISH, token)
    assert rotation.secret.labels["AWSCURRENT"] != token


# A password that someone put.


def test_a_current_password_that_the_service_rejects_is_not_installed() -> None:
    rotation = prepared(SETTER, "steady")
    assert isinstance(rotation.service, Database)
    rotation.give_up()
    value = {**rotation.secret.value(), "password": "chosen-by-a-writer"}
    rotation.put_by_hand(json.dumps(value))
    rotation.wait_out_the_overlap()
    rotation.retry(rotation.stage())
    assert "chosen-by-a-writer" not in rotation.service.accepted
    assert rotation.service.accepted == [rotation.secret.value()["password"]]
