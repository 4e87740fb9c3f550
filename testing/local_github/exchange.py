"""A request, its answer, and the answers by which GitHub refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testing.local_github.description import Json

REST: Final = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request; the names of its headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer: JSON, unless its body is text, which is a page of HTML."""

    status: int
    body: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """An answer that ends a request."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"Answered {answer.status}.")
        self.answer = answer


def refusal(
    status: int, message: str, *, see: str = REST, headers: Mapping[str, str] | None = None
) -> RefusedError:
    """Refuse as GitHub does."""
    body: Json = {"message": message, "documentation_url": see}
    if status != 422:  # noqa: PLR2004 - GitHub sends it there too, but does not describe it
        body["status"] = str(status)
    return RefusedError(Answer(status=status, body=body, headers=headers or {}))


def invalid_key(message: str, *, see: str, field_name: str | None = "key") -> RefusedError:
    """Refuse a deploy key as GitHub does."""
    error = {"resource": "PublicKey", "code": "custom", "message": message}
    if field_name:
        error["field"] = field_name
    body: Json = {"message": "Validation Failed", "errors": [error], "documentation_url": see}
    return RefusedError(Answer(status=422, body=body))
