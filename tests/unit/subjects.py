"""The rotations under test, and the states in which one may begin."""

import functools
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import pytest
from _pytest.mark import ParameterSet  # pytest.param() returns this type, which has no public name.

from rotation.event import Step
from rotation.strategy import Generator, Issuer
from rotation_conformance.account import Killed, Side, kill
from tests.strategies import ROTATORS
from tests.unit.bad_input import BadInput
from tests.unit.cloud import Cloud
from tests.unit.rotator import Rotation
from tests.unit.services import Database, IssuedToken, OnlyPassword, Tokens
from tests.unit.subject import (
    CONSTANTS,
    USER,
    Kind,
    Make,
    State,
    Unit,
    held_by_service,
    user_arn,
)


def _issued_token(cloud: Cloud) -> Rotation:
    tokens = Tokens(cloud)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/token"),
        strategy=partial(_without_clients, partial(IssuedToken, tokens)),
        service=tokens,
        constants=CONSTANTS,
    )


def _only_password(cloud: Cloud) -> Rotation:
    database = Database(cloud)
    return Rotation(
        cloud=cloud,
        secret=cloud.add_secret("reports/password"),
        strategy=partial(_without_clients, partial(OnlyPassword, database)),
        service=database,
        constants=CONSTANTS,
    )


def _without_clients(make: Callable[[], Generator | Issuer], _clients: object) -> Any:  # noqa: ANN401
    return make()


# Strategies of kinds that a custom rotator may have, see tests/unit/services.py.
_ONLY_PASSWORD: Final = Unit(
    bad_input=BadInput(options=(), fields=()),
    make=_only_password,
    kind=Kind.REPLACER,
    represents_kind=True,
    held=partial(held_by_service, "accepted"),
    printable=frozenset(),
)
_ISSUED_TOKEN: Final = Unit(
    bad_input=BadInput(options=(), fields=()),
    make=_issued_token,
    kind=Kind.UNLISTED,
    represents_kind=True,
    held=partial(held_by_service, "held"),
    printable=frozenset({"expires_at"}),
)
UNITS: Final[Mapping[str, Unit]] = {
    **{one.name: one.unit for one in ROTATORS},
    **{variant: one.unit for one in ROTATORS for variant in one.unit.variants},
    "issued_token": _ISSUED_TOKEN,
    "only_password": _ONLY_PASSWORD,
}
SUBJECTS: Final[Mapping[str, Make]] = {
    name: unit.variants.get(name, unit.make) for name, unit in UNITS.items()
}
_STRATEGIES: Final = {name: one.name for one in ROTATORS for name in (one.name, *one.unit.variants)}


def _representative(kind: Kind) -> str:
    (name,) = (one.name for one in ROTATORS if one.unit.kind is kind and one.unit.represents_kind)
    return name


GENERATOR: Final = _representative(Kind.GENERATOR)
SETTER: Final = _representative(Kind.SETTER)
FEW_SLOTS: Final = _representative(Kind.FEW_SLOTS)


def represents_kind(subject: str) -> bool:
    """Return whether `make test` runs all cases for a subject."""
    unit = UNITS[subject]
    return unit.represents_kind and subject not in unit.variants


def subject_case(
    subject: str,
    *values: object,
    id: str | None = None,  # noqa: A002 -- as pytest.param names it
    marks: Sequence[pytest.MarkDecorator] = (),
) -> ParameterSet:
    """Return the parameters of a test, the subject first; `--strategy` selects by the mark."""
    names = [_STRATEGIES[subject]] if subject in _STRATEGIES else []
    own = [pytest.mark.strategy(name) for name in names]
    slow = [pytest.mark.slow] if subject in UNITS[subject].slow_variants else []
    return pytest.param(subject, *values, id=id or subject, marks=[*own, *slow, *marks])


EACH_SUBJECT: Final = [subject_case(name) for name in SUBJECTS]


def _empty(rotation: Rotation) -> Rotation:
    return rotation


def _empty_without_first_label(rotation: Rotation) -> Rotation:
    # AWS does not document that it labels the first value AWSCURRENT.
    rotation.cloud.first_value_becomes_current = False
    return rotation


def _one_current(rotation: Rotation) -> Rotation:
    rotation.rotate()
    return rotation


def _steady(rotation: Rotation) -> Rotation:
    rotation.rotate()
    rotation.rotate()
    return rotation


def _given_up_after_storing(rotation: Rotation) -> Rotation:
    rotation.rotate()
    rotation.wait_out_the_overlap()
    token = rotation.stage()
    rotation.step(Step.CREATE, token)
    rotation.step(Step.SET, token)
    rotation.give_up()
    return rotation


def _given_up_steady(rotation: Rotation) -> Rotation:
    rotation.rotate()
    return _given_up_after_storing(rotation)


def _given_up_before_storing(rotation: Rotation) -> Rotation:
    """Leave an orphan, if the strategy issues."""
    _steady(rotation)
    rotation.wait_out_the_overlap()
    rotation.cloud.fuse.arm(kill("put_secret_value", Side.BEFORE))
    try:
        rotation.steps(rotation.stage())
    except Killed:
        rotation.cloud.fuse.arm()
    rotation.give_up()
    return rotation


def _tested(rotation: Rotation) -> Rotation:
    rotation.test_only()
    return rotation


def _tested_steady(rotation: Rotation) -> Rotation:
    return _tested(_steady(rotation))


STATES: Final[Mapping[str, State]] = {
    "empty": _empty,
    "empty_unlabelled": _empty_without_first_label,
    "one_current": _one_current,
    "steady": _steady,
    "given_up": _given_up_after_storing,
    "given_up_steady": _given_up_steady,
    "given_up_unstored": _given_up_before_storing,
    "tested": _tested,
    "tested_steady": _tested_steady,
}


def _states(subject: str) -> Mapping[str, State]:
    """A variant begins in the common states alone."""
    return UNITS[subject].states if subject not in UNITS[subject].variants else {}


BEGINNINGS: Final = [
    (subject, state) for subject in SUBJECTS for state in (*STATES, *_states(subject))
]


@functools.cache
def _kept(subject: str, state: str) -> bytes:
    states = {**STATES, **_states(subject)}
    rotation = states[state](SUBJECTS[subject](Cloud()))
    rotation.wait_out_the_overlap()
    rotation.cloud.fuse.arm()
    return pickle.dumps(rotation)


# Of each kind, `make test` runs one subject from two states.
TWO_BEGINNINGS: Final = [
    subject_case(
        subject,
        state,
        id=f"{subject}-{state}",
        marks=[]
        if represents_kind(subject) and state in {"empty", "steady"}
        else [pytest.mark.slow],
    )
    for subject, state in BEGINNINGS
]


def prepared(subject: str, state: str) -> Rotation:
    """Build a rotation in a state in which the next one may start."""
    rotation: Rotation = pickle.loads(_kept(subject, state))  # noqa: S301 -- it was made here
    return rotation


def renamed_user(rotation: Rotation, *, former_names: Sequence[str] = (USER,)) -> Rotation:
    """Rename the user, whose credentials stay, and configure its new name."""
    cloud = rotation.cloud
    for holder in [*cloud.users]:
        user, space, service = holder.partition(" ")
        if user == USER:
            cloud.users[f"courier{space}{service}"] = keys = cloud.users.pop(holder)
            for key in keys:
                key.user = f"courier{space}{service}"
    make = rotation.strategy
    assert isinstance(make, partial)
    name, options, *rest = make.args
    new = {**options, "user_arn": user_arn("courier"), "former_user_names": [*former_names]}
    return rotation.changed(partial(make.func, name, new, *rest))


def options_of(subject: str) -> dict[str, object]:
    """Return the options of a strategy as in the settings, with the shortest times."""
    make = prepared(subject, "empty").strategy
    assert isinstance(make, partial)
    name, options, *_ = make.args
    assert name == subject
    return {**options, **({"settling_seconds": 0} if "settling_seconds" in options else {})}
