"""Parses ROTATION_SETTINGS, the JSON that Terraform writes into the function's environment."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, Self

from rotation.errors import ConfigurationError

ENVIRONMENT_VARIABLE = "ROTATION_SETTINGS"

_ARN = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[0-9A-Za-z/_+=.@-]{1,512}"
# 999 days, which is the longest rate of a schedule.
_MOST_MINUTES = 1438560


class OptionReader:
    """One JSON object of the settings, read field by field. A field that is left is an error."""

    def __init__(self, fields: object, *, path: str) -> None:
        """Take a parsed JSON value.

        Raises:
            ConfigurationError: It is not an object.
        """
        if not isinstance(fields, Mapping):
            raise ConfigurationError.setting(field=path, given=fields, allowed="a JSON object")
        self._fields = dict(fields)
        self._path = path

    def text(
        self,
        name: str,
        *,
        pattern: str = "(?s:.+)",
        allowed: str = "a non-empty string",
    ) -> str:
        """Take a string that matches the pattern."""
        value = self._fields.pop(name, None)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            self.refuse(name, value, allowed)
        return value

    def optional_text(
        self,
        name: str,
        *,
        pattern: str = "(?s:.+)",
        allowed: str = "a non-empty string or null",
    ) -> str | None:
        """Take a string that matches the pattern; it may be null or absent."""
        if self._fields.get(name) is None:
            self._fields.pop(name, None)
            return None
        return self.text(name, pattern=pattern, allowed=allowed)

    def number(self, name: str, *, least: int, most: float = math.inf) -> int:
        """Take a whole number."""
        value = self._fields.pop(name, None)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            limits = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
            self.refuse(name, value, f"a whole number {limits}")
        return value

    def optional_number(self, name: str, *, least: int, most: float = math.inf) -> int | None:
        """Take a whole number; it may be null or absent."""
        if self._fields.get(name) is None:
            self._fields.pop(name, None)
            return None
        return self.number(name, least=least, most=most)

    def flag(self, name: str) -> bool:
        """Take true or false."""
        value = self._fields.pop(name, None)
        if not isinstance(value, bool):
            self.refuse(name, value, "true or false")
        return value

    def optional_flag(self, name: str) -> bool:
        """Take true or false; absent means false."""
        return self.flag(name) if name in self._fields else False

    def texts(self, name: str) -> frozenset[str]:
        """Take a list of strings."""
        value = self._fields.pop(name, None)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.refuse(name, value, "a list of strings")
        return frozenset(value)

    def optional_texts(self, name: str) -> frozenset[str]:
        """Take a list of strings; it may be absent."""
        return self.texts(name) if name in self._fields else frozenset()

    def text_map(self, name: str) -> Mapping[str, str]:
        """Take an object whose values are strings."""
        value = self._fields.pop(name, None)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            self.refuse(name, value, "an object of strings")
        return value

    def part(self, name: str) -> OptionReader:
        """Take an object."""
        return OptionReader(self._fields.pop(name, None), path=f"{self._path}.{name}")

    def optional_part(self, name: str) -> OptionReader | None:
        """Take an object that may be absent."""
        return self.part(name) if name in self._fields else None

    def end(self) -> None:
        """Refuse a field that was not taken.

        Raises:
            ConfigurationError: There is one.
        """
        for name, value in self._fields.items():
            raise ConfigurationError.unknown_setting(field=f"{self._path}.{name}", given=value)

    def refuse(self, name: str, given: object, allowed: str) -> NoReturn:
        """Refuse a field that is wrong.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError.setting(field=f"{self._path}.{name}", given=given, allowed=allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one secret. The strategy checks its own options."""

    strategy: str
    secret_arn_pattern: str
    minimum_overlap: timedelta
    constants: Mapping[str, str]
    # The options of an audit; None: the function rotates.
    audit: OptionReader | None
    # The options for the previous credential; None: only a rotation ends it.
    previous: OptionReader | None
    # Whether a record of a step is also a metric.
    metrics: bool
    # Whether responders may have leaked credentials ended.
    revocable: bool
    # The age of a rotation that the watcher may have given up; None: never.
    give_up_after: timedelta | None
    options: OptionReader

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Parse the environment variable.

        Raises:
            ConfigurationError: It is absent, not JSON, or a field is missing, wrong or unknown.
        """
        fields = OptionReader(_parse(environ.get(ENVIRONMENT_VARIABLE)), path=ENVIRONMENT_VARIABLE)
        hours = fields.optional_number("give_up_after_hours", least=0, most=_MOST_MINUTES // 60)
        settings = cls(
            strategy=fields.text("strategy"),
            secret_arn_pattern=fields.text(
                "secret_arn_pattern",
                pattern=rf"{_ARN}-\?{{6}}",
                allowed="the ARN of a secret, with ?????? for the characters that AWS adds",
            ),
            minimum_overlap=timedelta(
                minutes=fields.number("minimum_overlap_minutes", least=0, most=_MOST_MINUTES)
            ),
            constants=fields.text_map("constants"),
            audit=fields.optional_part("audit"),
            previous=fields.optional_part("previous_credential"),
            metrics=fields.optional_flag("metrics"),
            revocable=fields.optional_flag("revocable"),
            give_up_after=None if hours is None else timedelta(hours=hours),
            options=fields.part("options"),
        )
        fields.end()
        return settings


def _parse(text: str | None) -> object:
    try:
        return json.loads(text or "")
    except (ValueError, RecursionError):  # RecursionError: 4 KB of brackets
        return text
