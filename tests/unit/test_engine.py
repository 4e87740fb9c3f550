"""The four steps: which does something, which has nothing to do, which is refused."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from rotation.engine import Outcome
from rotation.errors import (
    ConfigurationError,
    CredentialRejected,
    NotYet,
    OutOfTime,
    ProtocolError,
    ServiceUnavailable,
)
from rotation.event import Step
from rotation_conformance.account import Killed, Side, interpose, kill
from rotation_conformance.rotator import assert_converged
from tests.unit.cloud import Cloud
from tests.unit.subject import USER
from tests.unit.subjects import EACH_SUBJECT, FEW_SLOTS, GENERATOR, SETTER, SUBJECTS, prepared

if TYPE_CHECKING:
    from tests.unit.rotator import Rotation

_DONE, _NOTHING = Outcome.DONE, Outcome.NOTHING_TO_DO
_EACH_STEP = [pytest.param(step, id=step.value) for step in Step]
_TWO_STATES = [pytest.param(state, id=state) for state in ("empty", "steady")]


@pytest.mark.parametrize("state", _TWO_STATES)
@pytest.mark.parametrize(
    ("subject", "outcomes"),
    [
        pytest.param(GENERATOR, [_DONE, _NOTHING, _NOTHING, _DONE], id="generator"),
        pytest.param(FEW_SLOTS, [_DONE, _NOTHING, _DONE, _DONE], id="issuer"),
        pytest.param(SETTER, [_DONE, _DONE, _DONE, _DONE], id="setter"),
    ],
)
def test_each_family_has_its_steps(subject: str, outcomes: list[Outcome], state: str) -> None:
    rotation = prepared(subject, state)
    expected = outcomes if state == "steady" else [*outcomes[:3], _NOTHING]
    assert rotation.steps(rotation.stage()) == expected


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_repeated_rotation_does_nothing(subject: str) -> None:
    rotation = prepared(subject, "steady")
    token = rotation.rotate()
    before = rotation.cloud.snapshot()
    assert [rotation.step(step, token) for step in Step] == [_NOTHING] * 4
    assert rotation.cloud.snapshot() == before


@pytest.mark.parametrize("subject", EACH_SUBJECT)
@pytest.mark.parametrize(
    "label", [pytest.param(None, id="unlabelled"), pytest.param("AWSPREVIOUS", id="previous")]
)
def test_a_token_that_is_neither_pending_nor_current_is_refused(
    subject: str, label: str | None
) -> None:
    rotation = prepared(subject, "steady")
    token = rotation.secret.labels[label] if label else rotation.cloud.new_token()
    before = rotation.cloud.snapshot()
    with pytest.raises(ProtocolError, match="Start a new rotation with RotateSecret"):
        rotation.step(Step.CREATE, token)
    with pytest.raises(ProtocolError, match=f"to version {token} was cancelled"):
        rotation.step(Step.FINISH, token)
    assert rotation.cloud.snapshot() == before


@pytest.mark.parametrize(
    ("subject", "step"),
    [
        pytest.param(SETTER, Step.SET, id="setter-set"),
        pytest.param(SETTER, Step.TEST, id="setter-test"),
        pytest.param(FEW_SLOTS, Step.TEST, id="issuer-test"),
    ],
)
def test_a_step_of_a_cancelled_rotation_is_refused(subject: str, step: Step) -> None:
    rotation = prepared(subject, "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.give_up()
    with pytest.raises(ProtocolError, match="was cancelled"):
        rotation.step(step, token)


def test_set_secret_before_create_secret_is_refused() -> None:
    rotation = prepared(SETTER, "steady")
    with pytest.raises(NotYet, match="createSecret must come first"):
        rotation.step(Step.SET, rotation.stage())


def test_a_value_that_was_not_set_on_the_service_fails_the_test() -> None:
    rotation = prepared(SETTER, "steady")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    with pytest.raises(CredentialRejected, match="rejected credential the password"):
        rotation.step(Step.TEST, token)


@pytest.mark.parametrize("subject", [FEW_SLOTS, SETTER])
def test_turning_rotation_on_tests_a_copy_of_the_current_value(subject: str) -> None:
    """AWS runs only testSecret if it does not rotate immediately."""
    rotation = prepared(subject, "steady")
    token = rotation.stage()
    current = rotation.secret.versions[rotation.secret.labels["AWSCURRENT"]]
    rotation.secret.versions[token] = dataclasses.replace(current)
    before = rotation.cloud.snapshot()
    assert rotation.step(Step.TEST, token) == Outcome.DONE
    assert rotation.cloud.snapshot() == before


@pytest.mark.parametrize("subject", [FEW_SLOTS, SETTER])
def test_turning_rotation_on_for_an_empty_secret_has_nothing_to_test(subject: str) -> None:
    rotation = prepared(subject, "empty")
    assert rotation.step(Step.TEST, rotation.stage()) == Outcome.NOTHING_TO_TEST


@pytest.mark.parametrize("subject", EACH_SUBJECT)
@pytest.mark.parametrize(
    ("given", "handed_on"),
    [pytest.param("cross-account", ["cross-account"], id="given"), pytest.param(None, [], id="no")],
)
def test_the_rotation_token_is_passed_on_if_there_is_one(
    subject: str, given: str | None, handed_on: list[str]
) -> None:
    rotation = prepared(subject, "one_current")
    rotation.step(Step.CREATE, rotation.stage(), rotation_token=given)
    assert rotation.cloud.rotation_tokens == handed_on


@pytest.mark.parametrize("subject", EACH_SUBJECT)
def test_a_rollback_by_an_operator_is_not_undone(subject: str) -> None:
    """AWSPENDING stays on the version of the last rotation, so AWS repeats that rotation."""
    rotation = prepared(subject, "steady")
    rolled_back = rotation.secret.labels["AWSPREVIOUS"]
    rotation.secret.attach("AWSCURRENT", rolled_back)
    with pytest.raises(ProtocolError, match="Start a new rotation"):
        rotation.steps(rotation.stage())
    assert rotation.secret.labels["AWSCURRENT"] == rolled_back
    assert "AWSPENDING" not in rotation.secret.labels
    token = rotation.rotate()
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert rotation.secret.labels["AWSPREVIOUS"] == rolled_back


@pytest.mark.parametrize("subject", EACH_SUBJECT)
@pytest.mark.parametrize("values", [pytest.param(1, id="one"), pytest.param(2, id="two")])
def test_values_put_by_an_operator_are_not_undone(subject: str, values: int) -> None:
    rotation = prepared(subject, "steady")
    for _ in range(values):
        rotation.cloud.time.advance(1)
        rotation.put_by_hand(str(rotation.secret.current_text()))
    by_hand = rotation.secret.labels["AWSCURRENT"]
    with pytest.raises(ProtocolError, match="Start a new rotation"):
        rotation.steps(rotation.stage())
    assert rotation.secret.labels["AWSCURRENT"] == by_hand
    assert "AWSPENDING" not in rotation.secret.labels
    rotation.rotate()
    assert_converged(rotation)


def test_nothing_is_issued_or_retired_without_the_time_to_store() -> None:
    rotation = dataclasses.replace(prepared(FEW_SLOTS, "steady"), timeout=42)
    token = rotation.stage()
    before = rotation.cloud.snapshot()
    with pytest.raises(OutOfTime, match=r"Raise function\.timeout"):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.snapshot() == before


def test_nothing_is_issued_if_making_room_took_too_long() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    slow = interpose("delete_access_key", lambda: rotation.cloud.time.advance(100))
    rotation.cloud.fuse.arm(slow)
    token = rotation.stage()
    with pytest.raises(OutOfTime, match=r"Raise function\.timeout"):
        rotation.step(Step.CREATE, token)
    assert "create_access_key" not in rotation.cloud.fuse.calls
    rotation.retry(token)
    assert_converged(rotation)


def test_the_first_key_needs_time_to_settle_too() -> None:
    rotation = dataclasses.replace(prepared(FEW_SLOTS, "empty"), timeout=44)
    with pytest.raises(OutOfTime, match="needs 45 s"):
        rotation.step(Step.CREATE, rotation.stage())


def test_the_first_key_is_proven_before_it_is_stored() -> None:
    calls = _calls_of_create(prepared(FEW_SLOTS, "empty"))
    assert calls[-2:] == ["get_caller_identity", "put_secret_value"]


def test_a_later_key_is_proven_before_it_is_promoted() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.steps(rotation.stage())
    calls = rotation.cloud.fuse.calls
    assert calls.index("put_secret_value") < calls.index("get_caller_identity")
    assert calls[-1] == "update_secret_version_stage"


def test_the_attempt_is_recorded_before_the_key_is_made() -> None:
    calls = _calls_of_create(prepared(FEW_SLOTS, "one_current"))
    assert calls.index("tag_resource") < calls.index("create_access_key")


@pytest.mark.parametrize("recorded", [pytest.param(True, id="some"), pytest.param(False, id="no")])
def test_a_definite_refusal_leaves_the_record_as_it_was(*, recorded: bool) -> None:
    """The key that an operator made is not an orphan."""
    rotation = prepared(FEW_SLOTS, "one_current")
    if not recorded:
        rotation.secret.tags.clear()
    before = rotation.secret.tags.get("rotation-attempt", "none")
    rotation.cloud.fuse.arm(interpose("create_access_key", lambda: rotation.cloud.add_key(USER)))
    token = rotation.stage()
    with pytest.raises(ServiceUnavailable, match="iam:CreateAccessKey"):
        rotation.step(Step.CREATE, token)
    assert rotation.secret.tags == {"rotation-attempt": before}


def test_a_lost_response_leaves_the_record_of_the_attempt() -> None:
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.cloud.fuse.arm(kill("create_access_key", Side.AFTER))
    token = rotation.stage()
    with pytest.raises(Killed):
        rotation.step(Step.CREATE, token)
    assert rotation.secret.tags["rotation-attempt"].startswith(token)


def test_a_slower_delivery_retires_the_key_that_it_could_not_store() -> None:
    """It has read that there is no attempt before the faster one recorded its own."""
    rotation = prepared(FEW_SLOTS, "empty")
    token = rotation.stage()
    rotation.cloud.fuse.arm(interpose("tag_resource", lambda: rotation.step(Step.CREATE, token)))
    assert rotation.step(Step.CREATE, token) == Outcome.DONE
    assert len(rotation.cloud.users[USER]) == 1
    rotation.retry(token)
    assert_converged(rotation)


def test_a_later_delivery_leaves_the_key_of_an_invocation_that_may_still_run() -> None:
    rotation = prepared(FEW_SLOTS, "empty")
    token = rotation.stage()

    def deliver_again() -> None:
        with pytest.raises(NotYet, match="may still store a new credential of IAM user"):
            rotation.step(Step.CREATE, token)

    rotation.cloud.fuse.arm(interpose("put_secret_value", deliver_again))
    assert rotation.step(Step.CREATE, token) == Outcome.DONE
    assert [key.key_id for key in rotation.cloud.users[USER]] == [
        rotation.secret.value()["AccessKeyId"]
    ]


def test_nothing_is_stored_after_the_lease() -> None:
    """A later delivery may have deleted the key by then."""
    rotation = prepared(FEW_SLOTS, "one_current")
    token = rotation.stage()

    def answer_late(_number: int, name: str, side: Side) -> None:
        if name == "create_access_key" and side is Side.AFTER:
            rotation.cloud.time.advance(50)

    rotation.cloud.fuse.arm(answer_late)
    with pytest.raises(OutOfTime):
        rotation.step(Step.CREATE, token)
    assert "put_secret_value" not in rotation.cloud.fuse.calls
    rotation.cloud.fuse.arm()
    rotation.retry(token)
    assert_converged(rotation)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("not JSON", id="text"),
        pytest.param("[]", id="list"),
        pytest.param("{}", id="empty-object"),
        pytest.param('{"AccessKeyId": 1, "SecretAccessKey": "s", "UserName": "u"}', id="number"),
        pytest.param('{"AccessKeyId": "k", "SecretAccessKey": "s", "UserName": "u"}', id="short"),
        pytest.param(f'{{"AccessKeyId": "{"A" * 20}", "UserName": "u"}}', id="no-secret"),
        pytest.param("[" * 60000, id="deep"),
    ],
)
def test_a_value_of_another_form_stops_the_rotation(text: str) -> None:
    rotation = prepared(FEW_SLOTS, "one_current")
    rotation.secret.versions[rotation.secret.labels["AWSCURRENT"]].text = text
    token = rotation.stage()
    before = rotation.cloud.snapshot()
    with pytest.raises(ConfigurationError, match="put a value of that form"):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.snapshot() == before


def test_constants_are_written_beside_each_value() -> None:
    rotation = dataclasses.replace(SUBJECTS[GENERATOR](Cloud()), constants={"bucket": "a"})
    rotation.rotate()
    rotation = dataclasses.replace(rotation, constants={"region": "b"})
    rotation.rotate()
    # A constant that is removed is a field like any other.
    assert set(rotation.secret.value()) == {"bucket", "pepper", "region"}


def test_constants_never_replace_the_credential() -> None:
    rotation = dataclasses.replace(SUBJECTS[GENERATOR](Cloud()), constants={"pepper": "constant"})
    rotation.rotate()
    assert rotation.secret.value()["pepper"] != "constant"


def test_a_key_that_someone_else_deleted_counts_as_retired() -> None:
    rotation = prepared(FEW_SLOTS, "steady")
    rotation.cloud.fuse.arm(
        interpose(
            "delete_access_key",
            lambda: rotation.cloud.remove_key(rotation.cloud.users[USER][0]),
        )
    )
    assert rotation.step(Step.CREATE, rotation.stage()) == Outcome.DONE


def test_a_key_in_a_version_on_the_second_page_is_found() -> None:
    rotation = prepared(FEW_SLOTS, "given_up")
    rotation.cloud.page = 1
    # Without the record, only its version shows that it is ours.
    rotation.secret.tags.clear()
    rotation.rotate()
    assert_converged(rotation)


def test_without_an_overlap_rotations_may_follow_each_other() -> None:
    rotation = dataclasses.replace(SUBJECTS[FEW_SLOTS](Cloud()), minimum_overlap=timedelta(0))
    for _ in range(4):
        rotation.retry(rotation.stage())
        assert_converged(rotation)


def _calls_of_create(rotation: Rotation) -> list[str]:
    rotation.step(Step.CREATE, rotation.stage())
    return rotation.cloud.fuse.calls
