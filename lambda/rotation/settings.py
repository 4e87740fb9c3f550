"""What the module tells the function: one environment variable, parsed once into one object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, Self

from rotation.errors import ConfigurationError

ENVIRONMENT_VARIABLE = "ROTATION_SETTINGS"


class Fields:
    """One JSON object of the settings, read field by field; what is not read is refused."""

    def __init__(self, fields: object, *, path: str) -> None:
        """Take a parsed JSON value.

        Raises:
            ConfigurationError: It is not an object.
        """
        if not isinstance(fields, Mapping):
            raise ConfigurationError.setting(field=path, given=fields, allowed="a JSON object")
        self._fields = dict(fields)
        self._path = path

    def text(self, name: str) -> str:
        """Take a field that must be a text with at least one character."""
        value = self._fields.pop(name, None)
        if not isinstance(value, str) or not value:
            self._refuse(name, value, "a text that is not empty")
        return value

    def optional_text(self, name: str) -> str | None:
        """Take a field that is absent, null or a text."""
        value = self._fields.pop(name, None)
        if not isinstance(value, str | None):
            self._refuse(name, value, "a text or null")
        return value

    def number(self, name: str, *, least: int) -> int:
        """Take a whole number."""
        value = self._fields.pop(name, None)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self._refuse(name, value, f"a whole number from {least}")
        return value

    def texts(self, name: str) -> frozenset[str]:
        """Take a list of texts."""
        value = self._fields.pop(name, None)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(name, value, "a list of texts")
        return frozenset(value)

    def text_map(self, name: str) -> Mapping[str, str]:
        """Take an object whose values are texts."""
        value = self._fields.pop(name, None)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            self._refuse(name, value, "an object of texts")
        return value

    def nested(self, name: str) -> Fields:
        """Take an object."""
        return Fields(self._fields.pop(name, None), path=f"{self._path}.{name}")

    def end(self) -> None:
        """Refuse what nobody has taken: a misspelt option must not be ignored."""
        for name, value in self._fields.items():
            self._refuse(name, value, "nothing: no such setting exists")

    def _refuse(self, name: str, given: object, allowed: str) -> NoReturn:
        raise ConfigurationError.setting(field=f"{self._path}.{name}", given=given, allowed=allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one secret, checked; the strategy checks its own options."""

    strategy: str
    secret_arn_pattern: str
    minimum_overlap: timedelta
    constants: Mapping[str, str]
    options: Fields

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Parse the environment variable that the module sets.

        Raises:
            ConfigurationError: It is absent, not JSON, or a field is missing, wrong or unknown.
        """
        fields = Fields(_parsed(environ.get(ENVIRONMENT_VARIABLE)), path=ENVIRONMENT_VARIABLE)
        settings = cls(
            strategy=fields.text("strategy"),
            secret_arn_pattern=fields.text("secret_arn_pattern"),
            minimum_overlap=timedelta(minutes=fields.number("minimum_overlap_minutes", least=0)),
            constants=fields.text_map("constants"),
            options=fields.nested("options"),
        )
        fields.end()
        return settings


def _parsed(text: str | None) -> object:
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):  # RecursionError: 4 KB of brackets
        return text
