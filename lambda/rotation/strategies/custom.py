"""A rotator of the user's own: their file in the package, with this engine around it.

Secret: the fields that their strategy makes, beside the constants.
Idempotency: their strategy's; `tools/conformance` checks it.
Privileges: `statements` in the variable rotation.
The file defines `build(options, clients)`, which returns a Generator, a Setter, a Replacer or
an Issuer, and makes no call. For an error that is not a class of `rotation.errors`, the log has
only the class and the line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rotation.aws import SdkClients
from rotation.errors import ConfigurationError
from rotation.strategies import CUSTOM_MODULE, CUSTOM_SOURCE
from rotation.strategy import Generator, Issuer, Replacer, Setter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from rotation.aws import Clients
    from rotation.settings import OptionReader


def missing_members(strategy: object) -> tuple[str, list[str]]:
    """Return the family that an object is closest to, and the members that it has to add."""
    family: type = Generator
    if any(hasattr(strategy, name) for name in ("apply", "verify")):
        family = Setter
    # Other objects have a `replace`, too, such as texts.
    if hasattr(strategy, "check") or (hasattr(strategy, "replace") and family is Setter):
        family = Replacer
    if any(hasattr(strategy, name) for name in ("inventory", "issue", "retire")):
        family = Issuer
    names = {name for kind in family.__mro__ for name in vars(kind) if name[0] != "_"}
    return family.__name__, sorted(name for name in names if not hasattr(strategy, name))


def build(options: OptionReader, clients: Clients) -> Generator | Issuer:
    """Build their strategy, and check that it is the one that the module is configured for.

    Raises:
        ConfigurationError: It is not a strategy, or not the configured one.
    """
    issuer = options.flag("issuer")
    slots = options.optional_number("slots", least=2)
    their_options = options.part("options")
    if isinstance(clients, SdkClients):
        clients.create = _create_with_boto3
    module = _module()
    if not hasattr(module, "build"):
        raise _incomplete(kind="file", missing=["build(options, clients)"])
    strategy: Generator | Issuer = module.build(their_options, clients)
    their_options.end()
    family, missing = missing_members(strategy)
    if missing:
        raise _incomplete(kind=family, missing=missing)
    found = isinstance(strategy, Issuer)
    if issuer != found:
        options.refuse("issuer", issuer, f"{str(found).lower()}, because the family is {family}")
    if isinstance(strategy, Issuer) and strategy.slots != slots:
        options.refuse("slots", slots, f"{strategy.slots or 'null'}, because the strategy says so")
    return strategy


def _create_with_boto3(service: str, **options: Any) -> Any:  # noqa: ANN401 -- the client's
    """Create a client with boto3, which adds methods to some."""
    import boto3

    client: Callable[..., Any] = boto3.client  # its stubs accept only literal names
    return client(service, **options)


def _module() -> ModuleType:
    try:
        return importlib.import_module(CUSTOM_MODULE)
    except SyntaxError as error:
        line = error.lineno
    raise _syntax_error(line)


def _syntax_error(line: int | None) -> ConfigurationError:
    return ConfigurationError(
        f"{CUSTOM_SOURCE} has a syntax error on line {line} for this Python version. Fix the "
        "file, or set function.runtime, apply, then rotate again."
    )


def _incomplete(*, kind: str, missing: Iterable[str]) -> ConfigurationError:
    return ConfigurationError(
        f"The file of {CUSTOM_SOURCE} must define {', '.join(missing)}, which each {kind} has. See "
        "docs/custom-rotators.md of the module. Add it, apply, then rotate again."
    )
