"""The response of a service, read field by field, with the type of each field checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from rotation.errors import ProtocolError

# No service here is older than 2010. Within this range, adding an overlap cannot overflow.
PLAUSIBLE_YEARS = range(2010, 2200)
# The format of a time in a string: UTC, whole seconds.
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"


class Response:
    """The response of a service; a field that is not as documented stops the rotation.

    That happens if something else answers in place of the service, or if a part of the response is
    lost. botocore accepts any JSON, and reads an HTML page as an object without fields. No message
    shows the value that was found: some responses contain a credential.
    """

    def __init__(self, fields: object, *, action: str, resource: str, path: str = "") -> None:
        """Take a parsed response, or a part of it.

        Raises:
            ProtocolError: It is not an object.
        """
        self._action = action
        self._resource = resource
        self._path = path
        if not isinstance(fields, Mapping):
            raise self.refusal(name="", given=fields, allowed="an object")
        self._fields = fields

    def text(self, name: str, *, pattern: str = "(?s:.*)", allowed: str = "a string") -> str:
        """Read a string."""
        value = self._fields.get(name)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.refusal(name=name, given=value, allowed=allowed)
        return value

    def optional_text(self, name: str) -> str | None:
        """Read a string that may be absent."""
        return None if self._fields.get(name) is None else self.text(name)

    def time(self, name: str) -> datetime:
        """Read a time in a plausible year."""
        value = self._fields.get(name)
        if (
            not isinstance(value, datetime)
            or value.tzinfo is None
            or value.year not in PLAUSIBLE_YEARS
        ):
            years = f"{PLAUSIBLE_YEARS[0]} to {PLAUSIBLE_YEARS[-1]}"
            raise self.refusal(name=name, given=value, allowed=f"a UTC time in the years {years}")
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
        """Read true or false, which may be absent."""
        return None if self._fields.get(name) is None else self.flag(name)

    def map_of_texts(self, name: str) -> Mapping[str, str]:
        """Read an object whose values are strings."""
        value = self._fields.get(name)
        if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
            raise self.refusal(name=name, given=value, allowed="an object of strings")
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
        """Read an object whose values are lists of strings; it may be absent."""
        value = self._fields.get(name)
        lists = {} if value is None else value
        if not isinstance(lists, Mapping) or not all(
            isinstance(items, list) and all(isinstance(item, str) for item in items)
            for items in lists.values()
        ):
            raise self.refusal(name=name, given=value, allowed="an object of lists of strings")
        return {key: frozenset(items) for key, items in lists.items()}

    def optional_set(self, name: str) -> frozenset[str]:
        """Read a list of strings that may be absent."""
        value = self._fields.get(name)
        items = [] if value is None else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise self.refusal(name=name, given=value, allowed="a list of strings")
        return frozenset(items)

    def refusal(self, *, name: str, given: object, allowed: str) -> ProtocolError:
        """Return the error about a wrong field."""
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


def parse_time(text: str) -> datetime | None:
    """Parse a UTC time; None: the text isn't a UTC time."""
    with suppress(ValueError):
        if re.fullmatch(_TIME, text):
            return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
    return None
