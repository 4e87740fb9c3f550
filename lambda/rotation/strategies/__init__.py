"""What a strategy is: one service's calls, and nothing of staging labels.

The families differ in who makes the value. A Generator makes it here and asks no service; a
Setter also tells a service; an Issuer is a service that makes the value and shows it once. Who
owns a credential, how room is made, how long the old one lives: the engine decides it, once for
all strategies.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from rotation.errors import ConfigurationError
from rotation.settings import ENVIRONMENT_VARIABLE

if TYPE_CHECKING:
    from datetime import datetime

    from rotation.aws import Clients
    from rotation.settings import Fields

# What the user's own file is called in the package.
CUSTOM_MODULE = "custom_strategy"

# A secret's value: the fields of a JSON object, or a plain text.
Value: TypeAlias = Mapping[str, str | int] | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One credential, whole. Its repr shows which, never what."""

    identity: str
    owner: str
    value: Value = field(repr=False)
    # When it ends by itself; None: when somebody ends it.
    expires: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A credential as its issuer lists it, without the secret half."""

    identity: str
    owner: str
    created: datetime
    # What it was issued with, where the service keeps that.
    mark: str | None = None


class Strategy(Protocol):
    """What all families share."""

    @property
    def owner(self) -> str:
        """Whose credentials these are, as the service spells it."""

    @property
    def shape(self) -> str:
        """What its values look like, for the message about one that does not."""

    def parse(self, value: Value) -> Credential | None:
        """Recognise a value of this strategy, of whatever owner; None: it is not one."""


@runtime_checkable
class Generator(Strategy, Protocol):
    """Makes a value that no service has to know."""

    def generate(self, current: Credential | None) -> Credential:
        """Make a new value, with randomness from the standard library's `secrets`."""


@runtime_checkable
class Setter(Generator, Protocol):
    """Makes a value, and tells a service. Not before identity and host were compared."""

    def apply(self, pending: Credential, current: Credential | None) -> None:
        """Make the service accept the pending credential; idempotent."""

    def verify(self, credential: Credential) -> None:
        """Use the credential.

        Raises:
            CredentialRejected: The service says no.
        """


@runtime_checkable
class Issuer(Strategy, Protocol):
    """A service that makes the value and shows it once."""

    @property
    def slots(self) -> int | None:
        """How many credentials may exist at a time.

        None: no limit. Such a service keeps the mark of what it lists, or lists nothing.
        """

    @property
    def adopted(self) -> str | None:
        """The identity of the one credential not made here that counts as a previous one."""

    @property
    def settling_seconds(self) -> int:
        """How long a new credential must be accepted without a break to count as proven."""

    @property
    def retires_demoted(self) -> bool:
        """Whether the previous credential ends as soon as its successor is current."""

    def inventory(self) -> Sequence[Issued]:
        """List what the owner holds."""

    def issue(self, mark: str) -> Credential:
        """Ask for a new credential, once: without the SDK's retries.

        Args:
            mark: 53 characters of 0-9, a-f and -, which lead back to this secret and rotation.
        """

    def verify(self, credential: Credential) -> None:
        """Use the credential.

        Raises:
            CredentialRejected: The service says no, or not yet.
        """

    def retire(self, issued: Issued, credential: Credential | None) -> None:
        """End a credential; one that is gone already is a success.

        Args:
            issued: which.
            credential: with its value, where a version of the secret holds it.
        """


def lacking(strategy: object) -> tuple[str, list[str]]:
    """Name the family that something comes nearest to, and what it lacks to be of it."""
    family: type = Generator
    if any(hasattr(strategy, name) for name in ("apply", "verify")):
        family = Setter
    if any(hasattr(strategy, name) for name in ("inventory", "issue", "retire")):
        family = Issuer
    names = {name for kind in family.__mro__ for name in vars(kind) if name[0] != "_"}
    return family.__name__, sorted(name for name in names if not hasattr(strategy, name))


class _Build(Protocol):
    def __call__(self, options: Fields, clients: Clients) -> Generator | Issuer: ...


# Spelled as in the variable `rotation`, and as the module below this package.
REGISTRY = (
    "custom",
    "github_app_token",
    "github_deploy_key",
    "iam_access_key",
    "iam_service_credential",
    "random_value",
)


def build(name: str, options: Fields, clients: Clients) -> Generator | Issuer:
    """Make the strategy of that name; only its module is imported.

    Raises:
        ConfigurationError: No such strategy exists, or an option is wrong.
    """
    if name not in REGISTRY:
        raise ConfigurationError.setting(
            field=f"{ENVIRONMENT_VARIABLE}.strategy",
            given=name,
            allowed=f"one of {', '.join(REGISTRY)}",
        )
    module_build: _Build = importlib.import_module(f"{__name__}.{name}").build
    strategy = module_build(options, clients)
    options.end()
    return strategy
