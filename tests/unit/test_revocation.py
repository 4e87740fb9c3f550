"""A responder reports a leaked credential: its successor comes first, then all older ones end."""

from __future__ import annotations

import itertools
import random
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pytest

from rotation.engine import Outcome
from rotation.errors import ConfigurationError, NotYet, ProtocolError, RotationError
from rotation.event import Step
from rotation.response import TIME_FORMAT
from rotation.secret import REVOCATION_TAG
from rotation_conformance.account import Killed, Side, each_stale, interpose, kill, refuse
from rotation_conformance.overlap import Overlap
from rotation_conformance.rotator import RETRY_SECONDS, assert_converged, watched, works
from tests.unit.cases import SEED, run_each
from tests.unit.cloud import Cloud
from tests.unit.revocations import assert_revoked, report, revocable, start
from tests.unit.rotator import Rotation, Try
from tests.unit.services import Database, DatabasePassword
from tests.unit.subject import USER, Kind
from tests.unit.subjects import FEW_SLOTS, GENERATOR, SUBJECTS, UNITS, prepared, subject_case

if TYPE_CHECKING:
    from collections.abc import Callable

    from rotation_conformance.account import Trouble
    from tests.campaigns import CountCases

pytestmark = pytest.mark.campaign("Kill matrix")

_ISSUERS: Final = {Kind.FEW_SLOTS, Kind.MARKED, Kind.UNLISTED}
_ENDING: Final = [name for name in SUBJECTS if UNITS[name].kind is not Kind.GENERATOR]
_EACH = [subject_case(name) for name in _ENDING]
_FAST = [
    subject_case(
        name,
        marks=[]
        if UNITS[name].represents_kind and name not in UNITS[name].variants
        else [pytest.mark.slow],
    )
    for name in _ENDING
]
_FAST_ISSUERS = [one for one in _FAST if UNITS[str(one.values[0])].kind in _ISSUERS]
# `make test` crashes some rotations of one issuer and of those who set, and `make test-slow` all.
_SIZES = [
    *(
        subject_case(name, 8, id=f"{name}-some")
        for name in _ENDING
        if name == FEW_SLOTS or UNITS[name].kind is Kind.SETTER
    ),
    *(subject_case(name, 1000, id=name, marks=[pytest.mark.slow]) for name in _ENDING),
]
# A successor that the service refuses cannot become current.
_UNACCEPTED_SECONDS: Final = 600
_HINDERED = [
    subject_case(FEW_SLOTS, 4, "unissued", id="some-unissued"),
    subject_case(FEW_SLOTS, 4, "unaccepted", id="some-unaccepted"),
    *(
        subject_case(name, 1000, fault, id=f"{name}-{fault}", marks=[pytest.mark.slow])
        for name in _ENDING
        if UNITS[name].kind in _ISSUERS
        for fault in ("unissued", "unaccepted")
        if fault == "unissued" or UNITS[name].kind is Kind.FEW_SLOTS
    ),
]
_LABELS = [pytest.param(label, id=label) for label in ("AWSCURRENT", "AWSPREVIOUS")]


def _begin(subject: str, label: str = "AWSCURRENT") -> tuple[Rotation, str, str]:
    """Report a credential, and start the rotation."""
    rotation = revocable(subject, "steady")
    leaked = rotation.secret.labels[label]
    report(rotation, label)
    return rotation, start(rotation), leaked


@pytest.mark.parametrize("label", _LABELS)
@pytest.mark.parametrize("subject", _EACH)
def test_each_older_credential_ends_when_the_successor_is_current(subject: str, label: str) -> None:
    rotation, token, leaked = _begin(subject, label)
    current = rotation.secret.labels["AWSCURRENT"]

    def watch(_number: int, _name: str, _side: Side) -> None:
        """If there is room for the successor, no older credential ends before it is current."""
        if rotation.secret.labels["AWSCURRENT"] == current:
            assert works(rotation, "AWSPREVIOUS")

    has_room = UNITS[subject].kind is Kind.MARKED
    rotation.cloud.fuse.arm(watched(rotation), *([watch] if has_room else []))
    assert rotation.steps(token)[-1] == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)
    rotation.rotate()
    assert_converged(rotation)


@pytest.mark.parametrize("subject", _FAST)
def test_any_rotation_carries_a_request_out(subject: str) -> None:
    """The schedule may have started it, or an operator who does not choose the token."""
    rotation = revocable(subject, "steady")
    leaked = rotation.secret.labels["AWSCURRENT"]
    report(rotation)
    token = rotation.stage()
    assert rotation.steps(token)[-1] == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)


@pytest.mark.parametrize("subject", _FAST)
def test_a_request_during_a_rotation_is_carried_out_by_it(subject: str) -> None:
    rotation = revocable(subject, "steady")
    rotation.wait_out_the_overlap()
    token, leaked = rotation.stage(), rotation.secret.labels["AWSCURRENT"]
    rotation.cloud.fuse.arm(interpose("update_secret_version_stage", lambda: report(rotation)))
    for step in (Step.CREATE, Step.SET, Step.TEST):
        rotation.step(step, token)
    report(rotation)
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)


@pytest.mark.parametrize("subject", _FAST)
def test_a_repeated_revocation_does_nothing(subject: str) -> None:
    rotation, token, _ = _begin(subject)
    rotation.steps(token)
    before = rotation.cloud.snapshot()
    assert [rotation.step(step, token) for step in Step] == [Outcome.NOTHING_TO_DO] * 4
    assert rotation.cloud.snapshot() == before


@pytest.mark.parametrize("is_reported", [False, True])
def test_a_setter_that_cannot_end_a_credential_is_cancelled_before_a_leak(
    *, is_reported: bool
) -> None:
    cloud = Cloud()
    database = Database(cloud)
    rotation = Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/password"),
        strategy=lambda _: DatabasePassword(database),
        service=database,
    )
    rotation.rotate()
    rotation = replace(rotation, revocable=True)
    before = rotation.service.ours()
    if is_reported:
        report(rotation)
    with pytest.raises(ConfigurationError, match="cannot end a credential"):
        rotation.steps(start(rotation) if is_reported else rotation.stage())
    assert rotation.service.ours() == before
    assert "AWSPENDING" not in rotation.secret.labels


def test_a_value_that_no_service_knows_is_only_replaced() -> None:
    rotation, token, leaked = _begin(GENERATOR)
    assert rotation.steps(token)[-1] == Outcome.REVOKED
    assert rotation.secret.labels["AWSCURRENT"] == token
    assert rotation.secret.tags[REVOCATION_TAG].startswith(f"done {leaked} ")


@pytest.mark.parametrize("subject", _FAST)
def test_without_the_option_the_tag_is_ignored(subject: str) -> None:
    rotation = replace(revocable(subject, "steady"), revocable=False)
    rotation.wait_out_the_overlap()
    report(rotation)
    before = rotation.secret.tags[REVOCATION_TAG]
    assert rotation.steps(rotation.stage())[-1] == Outcome.DONE
    assert rotation.secret.tags[REVOCATION_TAG] == before


@pytest.mark.parametrize("subject", [*_FAST, subject_case(GENERATOR)])
def test_with_the_option_a_normal_rotation_makes_the_same_calls(subject: str) -> None:
    calls = []
    for is_revocable in (False, True):
        rotation = replace(prepared(subject, "steady"), revocable=is_revocable)
        rotation.steps(rotation.stage())
        calls.append(rotation.cloud.fuse.calls)
    assert calls[0] == calls[1]


def _time(rotation: Rotation, **later: float) -> str:
    return (rotation.cloud.time.now + timedelta(**later)).strftime(TIME_FORMAT)


_INVALID: dict[str, Callable[[Rotation], str | None]] = {
    "none": lambda _: None,
    "empty": lambda _: "",
    "another-word": lambda one: f"lost {one.secret.labels['AWSCURRENT']} {_time(one)}",
    "no-time": lambda one: f"leaked {one.secret.labels['AWSCURRENT']}",
    "another-time": lambda one: f"leaked {one.secret.labels['AWSCURRENT']} now",
    "old": lambda one: f"leaked {one.secret.labels['AWSCURRENT']} {_time(one, hours=-25)}",
    "ahead": lambda one: f"leaked {one.secret.labels['AWSCURRENT']} {_time(one, minutes=20)}",
    "unknown": lambda one: f"leaked {one.cloud.new_token()} {_time(one)}",
    "done": lambda one: f"done {one.secret.labels['AWSCURRENT']} {_time(one)}",
    "more": lambda one: f"leaked {one.secret.labels['AWSCURRENT']} {_time(one)} now",
}
_EACH_INVALID = [pytest.param(name, id=name) for name in _INVALID]


def _invalid(name: str) -> Rotation:
    rotation = revocable(FEW_SLOTS, "steady")
    text = _INVALID[name](rotation)
    if text is not None:
        rotation.secret.tags[REVOCATION_TAG] = text
    return rotation


@pytest.mark.parametrize("request_", _EACH_INVALID)
def test_a_rotation_for_an_invalid_request_is_cancelled(request_: str) -> None:
    rotation = _invalid(request_)
    users = rotation.cloud.users[USER][:]
    token = start(rotation)
    with pytest.raises(ProtocolError, match="has no valid request"):
        rotation.steps(token)
    assert rotation.cloud.users[USER] == users
    assert "AWSPENDING" not in rotation.secret.labels
    # The schedule goes on.
    rotation.rotate()
    assert_converged(rotation)


@pytest.mark.parametrize("request_", _EACH_INVALID)
def test_an_invalid_request_changes_no_other_rotation(request_: str) -> None:
    rotation = _invalid(request_)
    before = rotation.secret.tags.get(REVOCATION_TAG)
    previous = rotation.secret.value()["AccessKeyId"]
    # A request grows old while the overlap passes.
    rotation = replace(rotation, minimum_overlap=timedelta(0))
    assert rotation.steps(rotation.stage())[-1] == Outcome.DONE
    assert rotation.secret.tags.get(REVOCATION_TAG) == before
    assert rotation.cloud.key(previous) is not None


def test_a_request_about_the_version_of_the_rotation_itself_waits_for_the_next_one() -> None:
    rotation = revocable(FEW_SLOTS, "steady")
    first = rotation.rotate()
    report(rotation)
    assert [rotation.step(step, first) for step in Step] == [Outcome.NOTHING_TO_DO] * 4
    token = start(rotation)
    assert rotation.steps(token)[-1] == Outcome.REVOKED
    assert_revoked(rotation, token, first)


def _issuing(subject: str) -> str:
    call = prepared(subject, "steady").service.issues
    assert call is not None
    return call


@pytest.mark.parametrize("subject", _FAST_ISSUERS)
def test_without_a_successor_the_leaked_credential_stays(subject: str) -> None:
    rotation, token, leaked = _begin(subject)
    rotation.cloud.fuse.arm(refuse(_issuing(subject), "ServiceFailure", status=503))
    with pytest.raises(RotationError):
        rotation.steps(token)
    assert rotation.secret.labels["AWSCURRENT"] == leaked
    assert rotation.service.works(rotation.secret.value())
    assert rotation.secret.tags[REVOCATION_TAG].startswith("leaked ")


def test_a_successor_that_does_not_work_ends_nothing_more() -> None:
    rotation, token, leaked = _begin(FEW_SLOTS)
    rotation.cloud.not_accepted_yet = lambda age: age < 600
    with pytest.raises(RotationError):
        rotation.steps(token)
    assert rotation.secret.labels["AWSCURRENT"] == leaked
    assert rotation.cloud.key(rotation.secret.value()["AccessKeyId"]) is not None


def test_a_foreign_key_is_never_ended() -> None:
    rotation = revocable(FEW_SLOTS, "one_current")
    foreign = rotation.cloud.add_key(USER)
    report(rotation)
    rotation.cloud.time.advance(RETRY_SECONDS)
    token = start(rotation)
    before = rotation.cloud.snapshot()
    with pytest.raises(RotationError, match="did not issue"):
        rotation.steps(token)
    assert rotation.cloud.snapshot() == before
    rotation.cloud.remove_key(foreign)
    rotation.retry(token)
    assert_converged(rotation)


def test_an_adopted_key_ends_too() -> None:
    rotation = revocable(FEW_SLOTS, "adopted_and_current")
    report(rotation)
    token = start(rotation)
    rotation.steps(token)
    assert [key.key_id for key in rotation.cloud.users[USER]] == [
        rotation.secret.value()["AccessKeyId"]
    ]


def test_an_ended_credential_that_the_service_still_accepts_is_not_done() -> None:
    rotation, token, leaked = _begin(FEW_SLOTS)
    rotation.cloud.end_lag = 600.0
    with pytest.raises(NotYet, match="still accepts credential"):
        rotation.steps(token)
    assert rotation.secret.tags[REVOCATION_TAG].startswith("leaked ")
    rotation.cloud.time.advance(600)
    rotation.retry(token)
    assert_revoked(rotation, token, leaked)


def _deaths(subject: str, most: int, name: str) -> dict[str, tuple[int, Side]]:
    rotation, token, _ = _begin(subject)
    rotation.steps(token)
    return _drawn(rotation.cloud.fuse.calls, subject, most, name)


def _drawn(calls: list[str], subject: str, most: int, name: str) -> dict[str, tuple[int, Side]]:
    """Draw some of the places to stop a process, or return all; the same SEED draws the same."""
    each = list(itertools.product(enumerate(calls, start=1), Side))
    drawn = random.Random(f"{SEED} {subject} {name}")  # noqa: S311 -- no secret is made
    chosen = drawn.sample(each, min(most, len(each)))
    return {f"{call}_{number}-{side}": (number, side) for (number, call), side in chosen}


@pytest.mark.parametrize(("subject", "most"), _SIZES)
def test_the_retry_ends_each_older_credential_after_a_crash(
    subject: str, most: int, cases: CountCases
) -> None:
    def case(number: int, side: Side) -> None:
        rotation, token, leaked = _begin(subject)
        rotation.cloud.fuse.arm(watched(rotation), kill(number, side))
        with pytest.raises(Killed):
            rotation.steps(token)
        rotation.retry(token)
        assert_revoked(rotation, token, leaked)
        rotation.rotate()
        assert_converged(rotation)

    run_each(case, _deaths(subject, most, "retry"), cases)


@pytest.mark.parametrize(("subject", "most"), _SIZES)
def test_the_next_rotation_ends_each_older_credential_after_a_crash(
    subject: str, most: int, cases: CountCases
) -> None:
    """No rotation window is open, so AWS does not retry the one that died."""

    def case(number: int, side: Side) -> None:
        rotation, token, leaked = _begin(subject)
        rotation.cloud.fuse.arm(watched(rotation), kill(number, side))
        with pytest.raises(Killed):
            rotation.steps(token)
        rotation.cloud.time.advance(RETRY_SECONDS)
        is_requested = rotation.secret.tags[REVOCATION_TAG].startswith("leaked ")
        rotation.give_up()
        rotation.wait_out_the_overlap()
        token = rotation.stage()
        rotation.retry(token)
        if is_requested:
            assert_revoked(rotation, token, leaked)
        assert_converged(rotation)

    run_each(case, _deaths(subject, most, "next"), cases)


def _hindered(subject: str, fault: str, *troubles: Trouble) -> tuple[Rotation, str, str]:
    """Report a credential whose successor is never issued, or never accepted."""
    rotation, token, leaked = _begin(subject)
    refusal = refuse(_issuing(subject), "ServiceFailure", status=503)
    if fault == "unaccepted":
        rotation.cloud.not_accepted_yet = lambda age: age < _UNACCEPTED_SECONDS
    hindrances = [refusal] if fault == "unissued" else []
    rotation.cloud.fuse.arm(watched(rotation), *hindrances, *troubles)
    return rotation, token, leaked


@pytest.mark.parametrize(("subject", "most", "fault"), _HINDERED)
def test_without_a_successor_a_crash_ends_nothing_that_is_current(
    subject: str, most: int, fault: str, cases: CountCases
) -> None:
    def case(number: int, side: Side) -> None:
        rotation, token, leaked = _hindered(subject, fault, kill(number, side))
        value = rotation.secret.value()
        for _ in range(2):
            with suppress(Killed, RotationError):
                rotation.steps(token)
            assert rotation.secret.labels["AWSCURRENT"] == leaked
            assert rotation.service.works(value)
            assert rotation.secret.tags[REVOCATION_TAG].startswith("leaked ")
            rotation.cloud.time.advance(RETRY_SECONDS)
        rotation.cloud.time.advance(_UNACCEPTED_SECONDS)
        rotation.cloud.fuse.arm(watched(rotation))
        rotation.retry(token)
        assert_revoked(rotation, token, leaked)

    rotation, token, _ = _hindered(subject, fault)
    with suppress(RotationError):
        rotation.steps(token)
    run_each(case, _drawn(rotation.cloud.fuse.calls, subject, most, fault), cases)


@pytest.mark.parametrize("subject", _FAST)
def test_no_stale_read_hides_the_request(subject: str, cases: CountCases) -> None:
    """A rotation that was started for a request succeeds only if it has carried the request out."""

    def case(number: int) -> None:
        rotation, token, leaked = _begin(subject)
        drawn = random.Random(f"{SEED} {subject} stale {number}")  # noqa: S311 -- no secret is made
        longest = drawn.choice([1.0, 4.0, 10.0])
        lags = iter(lambda: drawn.uniform(0, longest), None)
        rotation.cloud.fuse.arm(watched(rotation), each_stale(rotation.cloud, lags))
        succeeded = False
        with suppress(RotationError):
            rotation.steps(token)
            succeeded = True
        rotation.cloud.read_lag = 0
        rotation.cloud.fuse.arm(watched(rotation))
        if not succeeded:
            rotation.retry(token)
        assert_revoked(rotation, token, leaked)

    run_each(case, {f"draw {number}": (number,) for number in range(20)}, cases)


@pytest.mark.parametrize("subject", _FAST_ISSUERS)
def test_a_credential_that_is_seconds_old_ends_too(subject: str) -> None:
    """The lists of versions and of credentials may not show it yet."""
    rotation = replace(revocable(subject, "one_current"), minimum_overlap=timedelta(0))
    rotation.steps(rotation.stage())
    leaked = rotation.secret.labels["AWSCURRENT"]
    report(rotation)
    token = start(rotation)
    for step in (Step.CREATE, Step.SET, Step.TEST):
        rotation.step(step, token)

    def lag(_number: int, name: str, side: Side) -> None:
        is_list = name.startswith(("list_", "GET "))
        rotation.cloud.read_lag = 10 if is_list and side is Side.BEFORE else 0

    rotation.cloud.fuse.arm(lag)
    assert rotation.step(Step.FINISH, token) == Outcome.REVOKED
    assert_revoked(rotation, token, leaked)


@pytest.mark.parametrize("subject", _FAST_ISSUERS)
def test_a_suspended_revocation_ends_nothing_of_a_later_rotation(
    subject: str, cases: CountCases
) -> None:
    """The first delivery of finishSecret goes on after another rotation is over."""

    def case(until: int) -> bool:
        rotation, token, _ = _begin(subject)
        for step in (Step.CREATE, Step.SET, Step.TEST):
            rotation.step(step, token)
        attempt = Try(rotation, token, Step.FINISH)
        with Overlap(rotation.cloud, watched(rotation)) as overlap:
            first = overlap.add("A", attempt.repeat_step)
            reached = not first.run(until)
            with suppress(RotationError):
                rotation.step(Step.FINISH, token)
                rotation.steps(rotation.stage())
            first.run()
        assert_converged(rotation)
        return reached

    run_each(case, {f"A {until}": (until,) for until in range(2, 14, 3)}, cases)
