"""How the unit tests rotate the credentials of a strategy on the fake cloud."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import Any, Final, TypeAlias

from rotation.settings import OptionReader
from rotation.strategies import build
from rotation.strategy import Generator, Issuer
from rotation_conformance.account import ACCOUNT_ID
from rotation_conformance.rotator import MakeStrategy
from tests.unit.bad_input import BadInput
from tests.unit.cloud import Cloud
from tests.unit.rotator import Rotation

Make: TypeAlias = Callable[[Cloud], Rotation]
State: TypeAlias = Callable[[Rotation], Rotation]
"""Brings a rotation into a state in which the next one may start."""

USER: Final = "uploader"
CONSTANTS: Final = {"bucket": "reports"}


class Kind(Enum):
    """The kinds of strategies that the engine distinguishes."""

    GENERATOR = auto()
    """It makes the value, and no service has to know."""
    SETTER = auto()
    """It makes the value, and sets it at a service."""
    REPLACER = auto()
    """It makes the value, and sets it at a service that accepts one at a time."""
    FEW_SLOTS = auto()
    """The service makes the value, and holds few of them at a time."""
    MARKED = auto()
    """The service makes the value with a mark of the rotation, and lists all values."""
    UNLISTED = auto()
    """The service makes the value, and cannot list it."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A strategy in the unit tests."""

    bad_input: BadInput
    make: Make
    """Puts a secret of the strategy on a cloud."""
    kind: Kind
    held: Callable[[Rotation], Iterable[str]]
    """Returns the credentials that the service has, or had, stored or not."""
    printable: frozenset[str]
    """The fields of a value that may appear in a log; all others are secret."""
    represents_kind: bool = False
    """`make test` runs all cases for it, and fewer for the other strategies of its kind."""
    states: Mapping[str, State] = field(default_factory=dict)
    """More states in which a rotation may begin."""
    variants: Mapping[str, Make] = field(default_factory=dict)
    """Other options that make a difference to the engine."""
    slow_variants: Collection[str] = ()
    """Those of them that only `make test-slow` runs."""


def built(name: str, options: Mapping[str, object], clients: Any) -> Generator | Issuer:  # noqa: ANN401 -- the fake ones
    """Build a strategy as the function does."""
    return build(name, OptionReader(options, path="options"), clients)


def strategy(name: str, **options: object) -> MakeStrategy:
    """Return what builds a strategy with options as in the settings."""
    return partial(built, name, options)


def user_arn(user: str) -> str:
    return f"arn:aws:iam::{ACCOUNT_ID}:user/apps/{user}"


def held_by_service(name: str, rotation: Rotation) -> Iterable[str]:
    """Return the texts of an attribute of the service."""
    texts: Iterable[str] = getattr(rotation.service, name)
    return texts


def held_by_users(rotation: Rotation) -> Iterable[str]:
    """Return the secrets of all keys of IAM users."""
    cloud = rotation.cloud
    for keys in (*cloud.users.values(), cloud.removed):
        yield from (key.secret for key in keys)
