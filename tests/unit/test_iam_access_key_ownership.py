"""Promise 5: a credential that this secret did not issue is never deleted."""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import timedelta
from itertools import repeat
from typing import TYPE_CHECKING

import pytest

from rotation.attempt import TAG
from rotation.errors import (
    ConfigurationError,
    ForeignCredential,
    NotYet,
    OutOfTime,
    RotationError,
    ServiceUnavailable,
    TooSoon,
)
from rotation.event import Step
from rotation.proof import LAG
from rotation_conformance.account import (
    Killed,
    Side,
    each_stale,
    interpose,
    kill,
    refuse,
    stale,
)
from rotation_conformance.rotator import RETRY_SECONDS, assert_converged, assert_foreign_untouched
from tests.strategies.iam_access_key import iam_access_key, iam_strategy
from tests.unit.cloud import Cloud
from tests.unit.rotator import converge
from tests.unit.subject import USER
from tests.unit.subjects import GENERATOR, SUBJECTS, prepared

if TYPE_CHECKING:
    from tests.unit.rotator import Rotation

_WAYS_OUT = "Delete a credential .*, set rotation.iam_access_key.adopted_access_key_id .* another"


def _refused(rotation: Rotation, error: type[RotationError], match: str) -> str:
    """Rotate, which must fail and change nothing in the cloud. Return the token for a retry."""
    token = rotation.stage()
    before = rotation.cloud.snapshot()
    with pytest.raises(error, match=match):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.snapshot() == before
    return token


def _current_key(rotation: Rotation) -> str:
    return str(rotation.secret.value()["AccessKeyId"])


def _die(rotation: Rotation, name: str, side: Side) -> str:
    """Stop createSecret at a call, and return the token."""
    token = rotation.stage()
    rotation.cloud.fuse.arm(kill(name, side))
    with pytest.raises(Killed):
        rotation.step(Step.CREATE, token)
    rotation.cloud.fuse.arm()
    return token


@pytest.mark.parametrize("active", [pytest.param(True, id="active"), pytest.param(False, id="not")])
def test_a_foreign_key_that_leaves_a_slot_free_does_not_block(*, active: bool) -> None:
    rotation = prepared("iam_access_key", "empty")
    rotation.cloud.add_key(USER).active = active
    rotation.rotate()
    assert_converged(rotation)


@pytest.mark.parametrize("active", [pytest.param(True, id="active"), pytest.param(False, id="not")])
def test_a_foreign_key_in_the_needed_slot_stops_the_rotation(*, active: bool) -> None:
    rotation = prepared("iam_access_key", "one_current")
    foreign = rotation.cloud.add_key(USER)
    foreign.active = active
    match = (
        f"IAM user {USER} has no room .* issue {foreign.key_id}. Nothing was changed. {_WAYS_OUT}"
    )
    token = _refused(rotation, ForeignCredential, match)
    rotation.cloud.remove_key(foreign)
    rotation.retry(token)
    assert_converged(rotation)


def test_two_unknown_keys_are_both_named() -> None:
    rotation = prepared("iam_access_key", "empty")
    first, second = rotation.cloud.add_key(USER), rotation.cloud.add_key(USER)
    _refused(
        rotation, ForeignCredential, f"{first.key_id}, {second.key_id}. Nothing .* {_WAYS_OUT}"
    )


@pytest.mark.parametrize(
    ("name", "side"),
    [
        pytest.param("tag_resource", Side.AFTER, id="before-issuing"),
        pytest.param("delete_access_key", Side.AFTER, id="after-making-room"),
    ],
)
def test_a_key_made_by_an_operator_after_a_failed_rotation_is_foreign(
    name: str, side: Side
) -> None:
    rotation = prepared("iam_access_key", "steady")
    _die(rotation, name, side)
    # More than the five seconds by which the clocks may differ.
    rotation.cloud.time.advance(rotation.timeout + 6)
    foreign = rotation.cloud.add_key(USER)
    _refused(rotation, ForeignCredential, foreign.key_id)


def test_a_key_made_by_an_operator_after_the_retry_began_is_foreign() -> None:
    """The retry waits for the list, and IAM refuses it. The record keeps its time."""
    rotation = prepared("iam_access_key", "one_current")
    token = _die(rotation, "create_access_key", Side.BEFORE)
    rotation.cloud.time.advance(20)
    rotation.cloud.fuse.arm(interpose("create_access_key", lambda: rotation.cloud.add_key(USER)))
    with pytest.raises(ServiceUnavailable, match="iam:CreateAccessKey"):
        rotation.step(Step.CREATE, token)
    _refused(rotation, ForeignCredential, rotation.cloud.users[USER][1].key_id)


def test_a_key_made_by_an_operator_while_the_retry_waits_for_the_list_is_foreign() -> None:
    rotation = prepared("iam_access_key", "one_current")
    token = _die(rotation, "create_access_key", Side.BEFORE)
    rotation.cloud.time.advance(RETRY_SECONDS)
    rotation.cloud.fuse.arm(interpose(5, lambda: rotation.cloud.add_key(USER)))
    with pytest.raises(ForeignCredential, match="Nothing was changed"):
        rotation.step(Step.CREATE, token)
    assert rotation.cloud.fuse.calls.count("list_access_keys") > 1
    assert_foreign_untouched(rotation)


@pytest.mark.parametrize("lag", [0.4, 0.8, 1.2, 1.6, 2])
def test_a_retry_may_list_a_key_whose_record_does_not_show_yet(lag: float) -> None:
    """The process stops after IAM made a key; the retry reads the tags of before the record."""
    rotation = prepared("iam_access_key", "empty")
    token = _die(rotation, "get_caller_identity", Side.AFTER)
    rotation.cloud.time.advance(1)
    # The list shows a key that no version explains, so the fifth call reads the tags.
    rotation.cloud.fuse.arm(stale(rotation.cloud, 5, lag))
    with suppress(NotYet):
        rotation.steps(token)
    rotation.cloud.read_lag = 0
    rotation.cloud.time.advance(RETRY_SECONDS)
    for _ in range(3):
        rotation.rotate()
    assert_converged(rotation)


@pytest.mark.parametrize("state", ["empty", "one_current"])
def test_a_retry_at_once_finds_the_lost_key_although_all_reads_are_old(state: str) -> None:
    """Neither the list nor the tags show what the first try did."""
    rotation = prepared("iam_access_key", state)
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.cloud.fuse.arm(each_stale(rotation.cloud, repeat(LAG.total_seconds())))
    with suppress(RotationError):
        rotation.steps(token)
    rotation.cloud.fuse.arm()
    rotation.cloud.read_lag = 0
    converge(rotation, token, succeeded=False)


def test_a_list_that_fails_after_the_record_makes_no_retry_wait() -> None:
    rehearsal = prepared("iam_access_key", "one_current")
    rehearsal.step(Step.CREATE, rehearsal.stage())
    calls = rehearsal.cloud.fuse.calls
    record = calls.index("tag_resource")
    assert calls[record + 1] == "list_access_keys"
    rotation = prepared("iam_access_key", "one_current")
    before = rotation.secret.tags[TAG]
    token = rotation.stage()
    rotation.cloud.fuse.arm(refuse(record + 2, "Throttling"))
    with pytest.raises(ServiceUnavailable, match="iam:ListAccessKeys"):
        rotation.step(Step.CREATE, token)
    assert rotation.secret.tags[TAG] == before


def test_a_wait_for_the_lease_leaves_time_for_what_comes_after_it() -> None:
    """Else the retry would wait for nothing, and its error would hide the cause."""
    outcomes = set()
    for tenth in range(150):
        rotation = prepared("iam_access_key", "one_current")
        token = _die(rotation, "create_access_key", Side.BEFORE)
        rotation.cloud.time.advance(30)
        rotation = dataclasses.replace(rotation, timeout=100 + tenth / 10)
        try:
            outcomes.add(str(rotation.step(Step.CREATE, token)))
        except RotationError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"NotYet", "done"}


def test_a_key_is_issued_once_if_another_delivery_ends_while_an_orphan_is_deleted() -> None:
    rotation = prepared("iam_access_key", "one_current")
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.cloud.time.advance(RETRY_SECONDS)
    other = interpose("delete_access_key", lambda: rotation.step(Step.CREATE, token))
    rotation.cloud.fuse.arm(other)
    rotation.step(Step.CREATE, token)
    assert rotation.cloud.fuse.calls.count("create_access_key") == 1


def test_a_key_made_by_an_operator_in_the_place_of_an_orphan_is_foreign() -> None:
    """The retry deleted the key of the attempt. So the attempt made no other key."""
    rotation = prepared("iam_access_key", "one_current")
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.cloud.time.advance(RETRY_SECONDS)
    rotation.cloud.fuse.arm(interpose("create_access_key", lambda: rotation.cloud.add_key(USER)))
    with pytest.raises(ServiceUnavailable, match="iam:CreateAccessKey"):
        rotation.step(Step.CREATE, token)
    _refused(rotation, ForeignCredential, rotation.cloud.users[USER][1].key_id)


@pytest.mark.parametrize(
    ("after", "foreign"),
    [
        # To record and to issue takes 43 s at most, and the clocks may differ by five.
        pytest.param(47, False, id="within"),
        pytest.param(50, True, id="beyond"),
    ],
)
def test_known_limit_a_key_made_within_seconds_of_a_crash_looks_ours(
    after: float, *, foreign: bool
) -> None:
    """The function stops before it asks, and an operator makes the only key of that time.

    The README names it. A time-out of fifteen minutes makes it no longer.
    """
    rotation = dataclasses.replace(prepared("iam_access_key", "one_current"), timeout=900)
    token = _die(rotation, "create_access_key", Side.BEFORE)
    rotation.cloud.time.advance(after)
    made = rotation.cloud.add_key(USER)
    rotation.cloud.time.advance(RETRY_SECONDS)
    if foreign:
        _refused(rotation, ForeignCredential, made.key_id)
    else:
        rotation.retry(token)
        assert rotation.cloud.destroyed == [made]


def test_an_attempt_that_never_asked_made_no_key() -> None:
    """To record took too long. An operator makes a key before the retry."""
    rotation = prepared("iam_access_key", "one_current")
    token = rotation.stage()
    before = dict(rotation.secret.tags)
    rotation.cloud.fuse.arm(interpose("tag_resource", lambda: rotation.cloud.time.advance(100)))
    with pytest.raises(OutOfTime, match=r"Raise function\.timeout"):
        rotation.step(Step.CREATE, token)
    assert rotation.secret.tags == before
    foreign = rotation.cloud.add_key(USER)
    _refused(rotation, ForeignCredential, foreign.key_id)


def test_two_keys_that_an_attempt_may_have_made_are_both_kept() -> None:
    rotation = prepared("iam_access_key", "empty")
    _die(rotation, "create_access_key", Side.AFTER)
    orphan = rotation.cloud.users[USER][0]
    foreign = rotation.cloud.add_key(USER)
    rotation.cloud.time.advance(2 * RETRY_SECONDS)
    _refused(rotation, ForeignCredential, f"{orphan.key_id}, {foreign.key_id}")


def test_an_orphan_is_deleted_beside_a_foreign_key_of_another_time() -> None:
    rotation = prepared("iam_access_key", "empty")
    foreign = rotation.cloud.add_key(USER)
    rotation.cloud.time.advance(1)
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.retry(token)
    assert_converged(rotation)
    assert foreign in rotation.cloud.users[USER]


def test_a_key_from_before_the_attempt_is_not_an_orphan() -> None:
    """Both were made in the same second, and IAM's times have whole seconds."""
    rotation = prepared("iam_access_key", "empty")
    foreign = rotation.cloud.add_key(USER)
    token = _die(rotation, "create_access_key", Side.BEFORE)
    rotation.retry(token)
    assert foreign in rotation.cloud.users[USER]


@pytest.mark.parametrize(
    "state", [pytest.param(s, id=s) for s in ("empty", "one_current", "steady")]
)
def test_the_retry_waits_until_the_list_shows_an_orphan(state: str) -> None:
    rotation = prepared("iam_access_key", state)
    rotation.cloud.list_lag = 8
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.cloud.time.advance(1)
    rotation.retry(token)
    assert_converged(rotation)
    rotation.rotate()
    assert_converged(rotation)


def test_a_current_key_that_the_list_does_not_show_yet_is_not_an_orphan() -> None:
    """Found by test_sequences: two rotations within seconds, the second one crashed."""
    rotation = iam_access_key(Cloud())
    rotation.step(Step.CREATE, rotation.stage())
    rotation.cloud.list_lag, rotation.cloud.iam_ahead = 4, -4
    token = _die(rotation, "put_secret_value", Side.BEFORE)
    rotation.cloud.time.advance(1)
    rotation.retry(token)
    assert_converged(rotation)


def test_an_orphan_that_the_list_shows_late_is_found_by_a_later_try() -> None:
    """IAM refuses the second key, and the record of the first attempt is restored."""
    rotation = prepared("iam_access_key", "one_current")
    rotation.cloud.list_lag = 120
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.cloud.time.advance(RETRY_SECONDS)
    with pytest.raises(ServiceUnavailable, match="iam:CreateAccessKey"):
        rotation.step(Step.CREATE, token)
    rotation.cloud.time.advance(120)
    rotation.retry(token)
    assert_converged(rotation)


def test_a_deleted_key_that_the_list_still_shows_stops_no_rotation() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.cloud.list_lag = 120
    token = _die(rotation, "delete_access_key", Side.AFTER)
    rotation.cloud.time.advance(RETRY_SECONDS)
    rotation.step(Step.CREATE, token)
    rotation.retry(token)
    assert_converged(rotation)


def test_the_retry_waits_while_a_deleted_key_still_counts() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.cloud.quota_lag = 8
    token = rotation.stage()
    with pytest.raises(ServiceUnavailable, match="iam:CreateAccessKey"):
        rotation.step(Step.CREATE, token)
    rotation.cloud.time.advance(8)
    rotation.retry(token)
    assert_converged(rotation)


@pytest.mark.parametrize("ahead", [pytest.param(4, id="ahead"), pytest.param(-4, id="behind")])
def test_an_orphan_is_found_if_the_clocks_differ_by_seconds(ahead: float) -> None:
    rotation = prepared("iam_access_key", "one_current")
    rotation.cloud.iam_ahead = ahead
    token = _die(rotation, "create_access_key", Side.AFTER)
    rotation.retry(token)
    assert_converged(rotation)


def test_an_attempt_whose_key_was_stored_made_no_other_key() -> None:
    """An operator made a key during the attempt; the stored one was deleted later."""
    rotation = prepared("iam_access_key", "one_current")
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.give_up()
    rotation.cloud.remove_key(rotation.cloud.users[USER][1])
    foreign = rotation.cloud.add_key(USER)
    rotation.wait_out_the_overlap()
    _refused(rotation, ForeignCredential, foreign.key_id)


def test_the_attempt_of_another_user_made_no_key() -> None:
    rotation = prepared("iam_access_key", "empty")
    _die(rotation, "create_access_key", Side.AFTER)
    rotation.cloud.add_user("reader")
    keys = [rotation.cloud.add_key("reader") for _ in range(2)]
    keys[0].created -= timedelta(days=1)
    rotation = rotation.changed(iam_strategy("reader"))
    _refused(rotation, ForeignCredential, f"{keys[0].key_id}, {keys[1].key_id}")


def test_a_key_made_between_the_inventory_and_the_request_is_foreign() -> None:
    rotation = prepared("iam_access_key", "one_current")
    token = rotation.stage()
    rotation.cloud.fuse.arm(interpose("create_access_key", lambda: rotation.cloud.add_key(USER)))
    # The first try finds out that the slot is taken; the retry sees which key takes it.
    with pytest.raises(ServiceUnavailable, match="iam:CreateAccessKey"):
        rotation.step(Step.CREATE, token)
    with pytest.raises(ForeignCredential, match=_WAYS_OUT):
        rotation.step(Step.CREATE, token)
    assert_foreign_untouched(rotation)


def test_a_changed_user_name_requires_a_new_secret() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.cloud.add_user("reader")
    rotation = rotation.changed(iam_strategy("reader"))
    match = "another owner than IAM user reader, for which .* Use a new secret name"
    _refused(rotation, ConfigurationError, match)


def test_a_strategy_that_is_changed_back_continues() -> None:
    rotation, other = prepared("iam_access_key", "steady"), prepared(GENERATOR, "empty")
    changed = rotation.changed(other.strategy)
    token = _refused(changed, ConfigurationError, "new secret name")
    rotation.retry(token)
    assert_converged(rotation)


def test_a_random_value_is_not_replaced_by_a_key() -> None:
    rotation = prepared(GENERATOR, "steady")
    rotation.cloud.add_user(USER)
    match = "AccessKeyId, SecretAccessKey and UserName, .* Use a new secret name"
    _refused(rotation.changed(iam_strategy()), ConfigurationError, match)


@pytest.mark.parametrize(
    "deleted", [pytest.param(False, id="renamed"), pytest.param(True, id="destroyed")]
)
def test_a_new_secret_on_the_same_user_names_the_keys_of_the_old_one(*, deleted: bool) -> None:
    old = prepared("iam_access_key", "steady")
    first, second = old.cloud.users[USER]
    if deleted:
        del old.cloud.secrets[old.secret.arn]
    new = dataclasses.replace(old, secret=old.cloud.add_secret("reports/renamed"))
    _refused(new, ForeignCredential, f"{first.key_id}, {second.key_id}. Nothing .* {_WAYS_OUT}")
    # The message names this way out.
    old.cloud.remove_key(first)
    adopting = new.changed(iam_strategy(adopted=second.key_id))
    adopting.rotate()
    assert second in old.cloud.users[USER]
    adopting.rotate()
    assert_converged(adopting)


def _fixed_key() -> tuple[Rotation, str]:
    """An application uses a key from its configuration, which the secret will replace."""
    rotation = iam_access_key(Cloud())
    fixed = rotation.cloud.add_key(USER)
    return rotation.changed(iam_strategy(adopted=fixed.key_id)), fixed.key_id


def test_an_adopted_key_stays_until_the_rotation_after_the_overlap() -> None:
    rotation, fixed = _fixed_key()
    rotation.retry(rotation.stage())
    assert rotation.cloud.key(fixed), "applications still live on it"
    token = _refused(rotation, TooSoon, f"{fixed} may still be in use .* minimum_overlap_minutes")
    rotation.wait_out_the_overlap()
    rotation.retry(token)
    assert rotation.cloud.key(fixed) is None
    assert [key.key_id for key in rotation.cloud.destroyed] == [fixed]
    rotation.rotate()
    assert len(rotation.cloud.users[USER]) == 2


def test_an_adopted_key_is_kept_while_the_secret_is_empty_and_no_slot_is_free() -> None:
    rotation, fixed = _fixed_key()
    other = rotation.cloud.add_key(USER)
    _refused(rotation, ForeignCredential, f"did not issue {other.key_id}")
    assert rotation.cloud.key(fixed)


@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_no_crash_in_the_first_rotation_deletes_the_adopted_key(side: Side) -> None:
    rehearsal, _ = _fixed_key()
    rehearsal.retry(rehearsal.stage())
    for number in range(1, len(rehearsal.cloud.fuse.calls) + 1):
        rotation, fixed = _fixed_key()
        rotation.cloud.fuse.arm(kill(number, side))
        rotation.retry(rotation.stage())
        assert rotation.cloud.key(fixed), f"the adopted key was retired after call {number}"
        assert len(rotation.cloud.users[USER]) == 2


def test_a_current_key_that_is_also_adopted_is_kept() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation = rotation.changed(iam_strategy(adopted=_current_key(rotation)))
    adopted = _current_key(rotation)
    rotation.rotate()
    assert rotation.cloud.key(adopted)
    assert_converged(rotation)


def test_an_adopted_key_that_is_gone_stops_no_rotation() -> None:
    rotation, fixed = _fixed_key()
    rotation.rotate()
    rotation.cloud.remove_key(rotation.cloud.users[USER][0])
    assert rotation.cloud.key(fixed) is None
    rotation.rotate()
    assert_converged(rotation)


def test_a_rotation_within_the_overlap_succeeds_after_it() -> None:
    rotation = prepared("iam_access_key", "one_current")
    rotation.rotate()
    previous = str(rotation.secret.value("AWSPREVIOUS")["AccessKeyId"])
    token = _refused(
        rotation, TooSoon, f"{previous} may still .* Rotate again after that, or lower"
    )
    rotation.wait_out_the_overlap()
    rotation.retry(token)
    assert_converged(rotation)


def test_a_value_put_by_hand_restarts_the_overlap() -> None:
    rotation = prepared("iam_access_key", "steady")
    rotation.give_up()
    rotation.put_by_hand(str(rotation.secret.current_text()))
    _refused(rotation, TooSoon, "Nothing was changed")


def test_a_rotation_that_needs_no_slot_is_never_too_soon() -> None:
    rotation = prepared(GENERATOR, "one_current")
    for _ in range(3):
        rotation.retry(rotation.stage())
    rotation = prepared("iam_access_key", "empty")
    rotation.retry(rotation.stage())
    rotation.retry(rotation.stage())
    assert_converged(rotation)


def test_a_version_with_a_foreign_key_of_another_user_does_not_make_it_ours() -> None:
    rotation = prepared("iam_access_key", "one_current")
    foreign = rotation.cloud.add_key(USER)
    named = f'{{"AccessKeyId": "{foreign.key_id}", "SecretAccessKey": "x", "UserName": "somebody"}}'
    version = rotation.cloud.new_token()
    rotation.secret.versions[version] = dataclasses.replace(
        rotation.secret.versions[rotation.secret.labels["AWSCURRENT"]], text=named
    )
    _refused(rotation, ForeignCredential, foreign.key_id)


def test_a_user_that_does_not_exist_is_named() -> None:
    rotation = SUBJECTS[GENERATOR](Cloud()).changed(iam_strategy("absent"))
    _refused(
        rotation, ConfigurationError, "user/apps/absent does not exist. Create the user, or correct"
    )


def test_two_secrets_of_two_users_are_independent() -> None:
    cloud = Cloud()
    first = iam_access_key(cloud)
    cloud.add_user("reader")
    second: Rotation = dataclasses.replace(
        first, secret=cloud.add_secret("reports/reader"), strategy=iam_strategy("reader")
    )
    for rotation in (first, second, first, second, first):
        rotation.rotate()
    assert [len(keys) for keys in cloud.users.values()] == [2, 2]
