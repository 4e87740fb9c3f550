"""Requests, responses, and GitHub's error responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testing.local_github.description import Json

REST: Final = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request with header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response. A text body is an HTML page, any other body is JSON."""

    status: int
    body: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """GitHub refuses the request with this response."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"GitHub returns {response.status}.")
        self.response = response


def refusal(
    status: int, message: str, *, see: str = REST, headers: Mapping[str, str] | None = None
) -> RefusedError:
    """Return the error that GitHub responds with."""
    body: Json = {"message": message, "documentation_url": see}
    if status != 422:  # noqa: PLR2004 - GitHub also sends it then, but does not describe it
        body["status"] = str(status)
    return RefusedError(Response(status=status, body=body, headers=headers or {}))


def invalid_key(message: str, *, see: str, field_name: str | None = "key") -> RefusedError:
    """Return the error that GitHub responds with to an invalid deploy key."""
    error = {"resource": "PublicKey", "code": "custom", "message": message}
    if field_name:
        error["field"] = field_name
    body: Json = {"message": "Validation Failed", "errors": [error], "documentation_url": see}
    return RefusedError(Response(status=422, body=body))
