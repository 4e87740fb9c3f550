"""A rotator of the user's own: a file of theirs in the package, with this engine around it.

Secret: what their strategy makes, beside the constants.
Idempotency: theirs to keep; `tools/conformance` checks it.
Privileges: those of `statements` in the variable rotation.
The file defines `build(options, clients)`, which returns a Generator, a Setter or an Issuer and
makes no call. What it raises besides the classes of `rotation.errors` is told by its kind and line.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rotation.errors import ConfigurationError
from rotation.strategies import CUSTOM_MODULE
from rotation.strategy import Generator, Issuer, Setter

if TYPE_CHECKING:
    from types import ModuleType

    from rotation.aws import Clients
    from rotation.settings import OptionReader


def lacking(strategy: object) -> tuple[str, list[str]]:
    """Name the family that an object comes nearest to, and the members that it needs for it."""
    family: type = Generator
    if any(hasattr(strategy, name) for name in ("apply", "verify")):
        family = Setter
    if any(hasattr(strategy, name) for name in ("inventory", "issue", "retire")):
        family = Issuer
    names = {name for kind in family.__mro__ for name in vars(kind) if name[0] != "_"}
    return family.__name__, sorted(name for name in names if not hasattr(strategy, name))


def build(options: OptionReader, clients: Clients) -> Generator | Issuer:
    """Have their file build the strategy, and hold it to what the module was told of it.

    Raises:
        ConfigurationError: It is no strategy, or another one than the module grants for.
    """
    issuer = options.flag("issuer")
    slots = options.optional_number("slots", least=2)
    theirs = options.nested("options")
    module = _module()
    if not hasattr(module, "build"):
        raise ConfigurationError.no_strategy(kind="file", lacks=["build(options, clients)"])
    strategy: Generator | Issuer = module.build(theirs, clients)
    theirs.end()
    kind, lacks = lacking(strategy)
    if lacks:
        raise ConfigurationError.no_strategy(kind=kind, lacks=lacks)
    found = isinstance(strategy, Issuer)
    if issuer != found:
        options.refuse("issuer", issuer, f"{str(found).lower()}, as it returned {kind}")
    if isinstance(strategy, Issuer) and strategy.slots != slots:
        options.refuse("slots", slots, f"{strategy.slots or 'null'}, as the strategy says")
    return strategy


def _module() -> ModuleType:
    try:
        return importlib.import_module(CUSTOM_MODULE)
    except SyntaxError as error:
        line = error.lineno
    raise ConfigurationError.no_python(line=line)
