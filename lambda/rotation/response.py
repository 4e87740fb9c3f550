"""What a service answered, read field by field: the shape of an answer is not taken on trust."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from rotation.errors import ProtocolError

# Of a time that a service tells: IAM began in 2010, and what is reckoned from a time in this range
# is a time too.
PLAUSIBLE_YEARS = range(2010, 2200)
# As texts tell times, ours and GitHub's: in UTC, to the second.
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


class Response:
    """What a service answered, read field by field; what is not as documented is refused.

    A service says such things when something else answers in its place, or only a part arrives.
    botocore reads any JSON, and takes a page of HTML for an object without fields. No message
    repeats what was found, since it may be anything, and a credential stands in some answers.
    """

    def __init__(self, fields: object, *, action: str, resource: str, path: str = "") -> None:
        """Take a parsed answer, or a part of it.

        Raises:
            ProtocolError: It is not an object.
        """
        self._action = action
        self._resource = resource
        self._path = path
        if not isinstance(fields, Mapping):
            raise self.refusal(name="", given=fields, allowed="an object")
        self._fields = fields

    def text(self, name: str, *, pattern: str = "(?s:.*)", allowed: str = "a text") -> str:
        """Read a text."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.refusal(name=name, given=value, allowed=allowed)
        return value

    def optional_text(self, name: str) -> str | None:
        """Read a text that may be absent."""
        return None if self._fields.get(name) is None else self.text(name)

    def time(self, name: str) -> datetime:
        """Read a time that can be reckoned with."""
        value = self._fields.get(name)
        if (
            not isinstance(value, datetime)
            or value.tzinfo is None
            or value.year not in PLAUSIBLE_YEARS
        ):
            years = f"{PLAUSIBLE_YEARS[0]} to {PLAUSIBLE_YEARS[-1]}"
            raise self.refusal(
                name=name, given=value, allowed=f"a time in UTC in the years {years}"
            )
        return value

    def optional_time(self, name: str) -> datetime | None:
        """Read a time that may be absent."""
        return None if self._fields.get(name) is None else self.time(name)

    def number(self, name: str) -> int:
        """Read a whole number."""
        value = self._fields.get(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.refusal(name=name, given=value, allowed="a whole number")
        return value

    def flag(self, name: str) -> bool:
        """Read true or false."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise self.refusal(name=name, given=value, allowed="true or false")
        return value

    def optional_flag(self, name: str) -> bool | None:
        """Read true or false, or nothing."""
        return None if self._fields.get(name) is None else self.flag(name)

    def map_of_texts(self, name: str) -> Mapping[str, str]:
        """Read an object of texts."""
        value = self._fields.get(name)
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise self.refusal(name=name, given=value, allowed="an object of texts")
        return value

    def part(self, name: str) -> Response:
        """Read an object."""
        return self._part(name, self._fields.get(name))

    def parts(self, name: str) -> Sequence[Response]:
        """Read a list of objects."""
        value = self._fields.get(name)
        if not isinstance(value, list):
            raise self.refusal(name=name, given=value, allowed="a list")
        return [self._part(name, item) for item in value]

    def optional_parts(self, name: str) -> Sequence[Response]:
        """Read a list of objects that may be absent."""
        return [] if self._fields.get(name) is None else self.parts(name)

    def optional_map_of_sets(self, name: str) -> Mapping[str, frozenset[str]]:
        """Read an object of lists of texts, which may be absent."""
        value = self._fields.get(name)
        lists = {} if value is None else value
        if not isinstance(lists, Mapping) or not all(
            isinstance(texts, list) and all(isinstance(text, str) for text in texts)
            for texts in lists.values()
        ):
            raise self.refusal(name=name, given=value, allowed="an object of lists of texts")
        return {key: frozenset(texts) for key, texts in lists.items()}

    def unset(self, name: str, *, allowed: str) -> None:
        """Insist that a flag is absent or false."""
        value = self._fields.get(name)
        if value:
            raise self.refusal(name=name, given=value, allowed=allowed)

    def refusal(self, *, name: str, given: object, allowed: str) -> ProtocolError:
        """Say which field is wrong."""
        return ProtocolError.malformed(
            action=self._action,
            resource=self._resource,
            field=".".join(filter(None, [self._path, name])),
            given=given,
            allowed=allowed,
        )

    def _part(self, name: str, value: object) -> Response:
        path = ".".join(filter(None, [self._path, name]))
        return Response(value, action=self._action, resource=self._resource, path=path)


def parsed_time(text: str) -> datetime | None:
    """Read a time in UTC as texts tell it; None: it is none."""
    with suppress(ValueError):
        if re.fullmatch(_TIME, text):
            return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    return None
