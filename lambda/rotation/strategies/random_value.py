"""A random value that no service has to know: a signing key, a pepper, a session key.

Secret: the value as plain text, or a JSON object with the value under `json_key` beside the
constants.
Idempotency: generate makes a new value at each call; the engine stores only one per rotation.
Privileges: only those on the secret.
Randomness: the standard library's `secrets`, which uses the operating system's
(https://docs.python.org/3/library/secrets.html). The classes are those of GetRandomPassword
(https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html).
"""

from __future__ import annotations

import math
import re
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rotation.strategy import Credential, Value

if TYPE_CHECKING:
    from rotation.aws import Clients
    from rotation.settings import OptionReader

_CLASSES = {
    "lowercase": string.ascii_lowercase,
    "numbers": string.digits,
    "punctuation": string.punctuation,
    "uppercase": string.ascii_uppercase,
}
# With fewer, someone could guess the value.
_LEAST_BITS = 64

# Looks like a JSON object, e.g. one with a mistake.
_OBJECT = re.compile(r'(?s)\s*\{\s*".*\}\s*')


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomValue:
    """Makes values of one length, with at least one character of each class."""

    length: int
    classes: tuple[str, ...]
    json_key: str | None

    owner = "this secret"

    @property
    def shape(self) -> str:
        """Describe a value."""
        return f"a JSON object with the string {self.json_key}" if self.json_key else "plain text"

    def parse(self, value: Value) -> Credential | None:
        """Recognise plain text, or an object with the key if one is configured.

        Also recognise the other form, as from before `json_key` was set or removed: the next value
        has the new form. An object with more than one string would lose fields.
        """
        found: object = value
        if isinstance(value, Mapping):
            only = next(iter(value.values())) if len(value) == 1 else None
            found = value.get(self.json_key) if self.json_key else only
        elif self.json_key and not self._was_drawn(value):
            return None
        if not isinstance(found, str):
            return None
        return Credential(identity="the random value", owner=self.owner, value=value)

    def _was_drawn(self, text: str) -> bool:
        """Say whether a text can be a value of this strategy without `json_key`."""
        possible = len(text) == self.length and set(text) <= set("".join(self.classes))
        return possible and not _OBJECT.fullmatch(text)

    def generate(self, current: Credential | None) -> Credential:  # noqa: ARG002 -- the Protocol's
        """Draw whole values until one has every class: then all such values are equally likely."""
        alphabet = "".join(self.classes)
        while True:
            text = "".join(secrets.choice(alphabet) for _ in range(self.length))
            if all(set(text) & set(members) for members in self.classes):
                value: Value = {self.json_key: text} if self.json_key else text
                return Credential(identity="the random value", owner=self.owner, value=value)


def build(options: OptionReader, clients: Clients) -> RandomValue:  # noqa: ARG001 -- it calls no service
    """Read the options.

    Raises:
        ConfigurationError: An option is missing or wrong, or leaves too few characters to draw.
    """
    length = options.number("length", least=1, most=65_536)
    excluded = options.optional_text(
        "exclude_characters", pattern="(?s:.*)", allowed="a string or null"
    )
    names = sorted(options.texts("character_classes"))
    classes = tuple(
        "".join(sorted(set(_CLASSES.get(name, "")) - set(excluded or ""))) for name in names
    )
    if not names or not all(classes):
        options.refuse(
            "character_classes",
            f"{', '.join(names)} without {excluded or 'none'}",
            f"one or more of {', '.join(_CLASSES)}, each with a character left",
        )
    characters = sum(map(len, classes))
    bits = length * math.log2(characters)
    if bits < _LEAST_BITS:
        options.refuse(
            "length",
            length,
            f"long enough for {_LEAST_BITS} bits of randomness, and {length} of {characters} "
            f"characters give {int(bits)}",
        )
    return RandomValue(length=length, classes=classes, json_key=options.optional_text("json_key"))
