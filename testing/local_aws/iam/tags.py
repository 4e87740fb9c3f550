"""The number of tags of users, roles and policies, and the characters in them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
"""

from __future__ import annotations

import unicodedata
from typing import Any, Final

from ministack.services import iam

from testing.local_aws.patching import Handler, Json, Response, around

_ACTIONS: Final = ("CreateUser", "CreateRole", "CreatePolicy", "TagUser", "TagRole", "TagPolicy")
_LONGEST: Final = {"key": 128, "value": 256}
_MOST: Final = 50
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
_PATTERN: Final = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]"
_CATEGORIES: Final = frozenset("LZN")
_PUNCTUATION: Final = frozenset("_.:/=+-@")


def _is_allowed(text: str) -> bool:
    return all(one in _PUNCTUATION or unicodedata.category(one)[0] in _CATEGORIES for one in text)


def _broken_constraint(part: str, text: str) -> str | None:
    if len(text) > _LONGEST[part]:
        return f"Member must have length less than or equal to {_LONGEST[part]}"
    if not _is_allowed(text):
        repeated = "+" if part == "key" else "*"
        return f"Member must satisfy regular expression pattern: {_PATTERN}{repeated}"
    return None


def _validation_error(tags: list[Json]) -> str | None:
    if len(tags) > _MOST:
        return f"Value at 'tags' failed to satisfy constraint: at most {_MOST} members"
    for number, tag in enumerate(tags, 1):
        for part in _LONGEST:
            text = tag[part.title()]
            if constraint := _broken_constraint(part, text):
                at = f"tags.{number}.member.{part}"
                return f"Value '{text}' at '{at}' failed to satisfy constraint: {constraint}"
    return None


def _check(action: str) -> None:
    @around(iam._IAM_HANDLERS, action)
    def handle(original: Handler, parameters: Json) -> Response:
        found = _validation_error(iam._extract_tags(parameters))
        if found is None:
            return original(parameters)
        message = f"1 validation error detected: {found}"
        refused: Response = iam._error(400, "ValidationError", message)
        return refused


def _limit(action: str, parameter: str, entities: Any) -> None:
    @around(iam._IAM_HANDLERS, action)
    def tag(original: Handler, parameters: Json) -> Response:
        entity = entities.get(iam._p(parameters, parameter))
        kind = action.removeprefix("Tag")
        if entity is not None:
            keys = {one["Key"].lower() for one in [*entity["Tags"], *iam._extract_tags(parameters)]}
            if len(keys) > _MOST:
                message = f"Cannot exceed quota for TagsPer{kind}: {_MOST}"
                refused: Response = iam._error(409, "LimitExceeded", message)
                return refused
        return original(parameters)


_limit("TagUser", "UserName", iam._users)
_limit("TagRole", "RoleName", iam._roles)
for _action in _ACTIONS:
    _check(_action)
