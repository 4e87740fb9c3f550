"""The registry: the name of each strategy, which is also the name of its module here."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from rotation.errors import ConfigurationError
from rotation.settings import ENVIRONMENT_VARIABLE

if TYPE_CHECKING:
    from rotation.aws import Clients
    from rotation.settings import OptionReader
    from rotation.strategy import Generator, Issuer

# Each name is also that of the option in the Terraform variable `rotation`.
REGISTRY = (
    "custom",
    "github_app_token",
    "github_deploy_key",
    "iam_access_key",
    "iam_service_credential",
    "mysql",
    "postgres",
    "random_value",
)

# The module that a custom rotator is in the package, and the variable that names its file.
CUSTOM_MODULE = "custom_strategy"
CUSTOM_SOURCE = "rotation.custom.source_file"


def build(name: str, options: OptionReader, clients: Clients) -> Generator | Issuer:
    """Build the strategy of that name. Only its own module is imported.

    Raises:
        ConfigurationError: No such strategy exists, or an option is wrong.
    """
    if name not in REGISTRY:
        raise ConfigurationError.setting(
            field=f"{ENVIRONMENT_VARIABLE}.strategy",
            given=name,
            allowed=f"one of {', '.join(REGISTRY)}",
        )
    module = importlib.import_module(f"{__name__}.{name}")
    strategy: Generator | Issuer = module.build(options, clients)
    options.end()
    return strategy


def source_of(place: str) -> str | None:
    """Return the variable that names the user's own file, if a line is in that file."""
    return CUSTOM_SOURCE if place.startswith(f"{CUSTOM_MODULE}.py:") else None
