"""PostgreSQL: a log-in and some statements over TLS, and what can go wrong with them.

https://www.postgresql.org/docs/current/protocol.html
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_LONGEST_NAME_BYTES: Final = 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database on a server."""

    host: str
    port: int
    database: str
    # The PEM of the trusted authorities; None: those of the runtime.
    ca_certificates: str | None = None


class Stage(StrEnum):
    """How far a session was when the server returned an error."""

    LOGIN = "log-in"
    # The server has accepted the password. It now opens the database.
    START = "start"
    STATEMENT = "statement"


class SqlError(Exception):
    """The server returned an error."""

    def __init__(self, sqlstate: str, stage: Stage) -> None:
        """Keep the code, and nothing of the text.

        Args:
            sqlstate: https://www.postgresql.org/docs/current/errcodes-appendix.html
            stage: how far the session was.
        """
        super().__init__()
        self.sqlstate = sqlstate
        self.stage = stage

    @property
    def accepted(self) -> bool:
        """Whether the server had accepted the password."""
        return self.stage != Stage.LOGIN


class MalformedReplyError(Exception):
    """A reply is not as PostgreSQL's protocol 3.0 defines it, or is too long."""


class UnsupportedLoginError(Exception):
    """The server does not check the password in a way that is safe."""

    def __init__(self, method: str) -> None:
        """Keep the name of the method, which is one of ours."""
        super().__init__()
        self.method = method


class UnusableTextError(Exception):
    """PostgreSQL has no form for a name or a password, or would truncate it."""


def encode(text: str) -> bytes:
    """Return a text as PostgreSQL's protocol has it.

    Raises:
        UnusableTextError: It has the character NUL, which ends a text, or is not Unicode.
    """
    if "\0" not in text:
        with suppress(UnicodeEncodeError):
            return text.encode()
    raise UnusableTextError


def encode_name(name: str) -> bytes:
    """Return a name as PostgreSQL's protocol has it.

    Raises:
        UnusableTextError: It is empty, too long, or has a character that no name can have.
    """
    content = encode(name)
    # PostgreSQL would truncate a longer name without an error.
    if not 1 <= len(content) <= _LONGEST_NAME_BYTES:
        raise UnusableTextError
    return content
