"""The tokens of a statement that a server wrote: names, texts, words, and single characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rotation.services.mysql.packets import NoMysqlError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Not in three quotes: docstrings are removed from the package by these.
_TOKEN: Final = re.compile(
    r"\s*(`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'"
    r'|"(?:[^"\\]|""|\\.)*"|\d+\.\d+|[\w$]+|[^\s`\'"])',
    re.DOTALL,
)


def tokens(sql: str) -> list[str]:
    """Split a statement.

    Raises:
        NoMysqlError: It is not a statement.
    """
    found, at = [], 0
    sql = sql.rstrip()
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None:
            raise NoMysqlError
        found.append(match[1])
        at = match.end()
    return found


def unquote(token: str) -> str:
    """Return the name or the text in a token, without its quotes."""
    quote, inside = token[:1], token[1:-1]
    if quote == "`":
        return inside.replace("``", "`")
    if quote in {"'", '"'}:
        return re.sub(rf"\\(.)|{quote}({quote})", r"\1\2", inside, flags=re.DOTALL)
    return token


def find(parts: Sequence[str], *words: str) -> int:
    """Return where these words are outside of parentheses; -1: nowhere."""
    depth = 0
    for at, part in enumerate(parts):
        depth += (part == "(") - (part == ")")
        if depth == 0 and tuple(parts[at : at + len(words)]) == words:
            return at
    return -1


def split(parts: Iterable[str]) -> list[list[str]]:
    """Split at each comma outside of parentheses."""
    groups: list[list[str]] = [[]]
    depth = 0
    for part in parts:
        depth += (part == "(") - (part == ")")
        if depth == 0 and part == ",":
            groups.append([])
        else:
            groups[-1].append(part)
    return groups


def join(parts: Iterable[str]) -> str:
    """Write tokens as one text. An account and a name with a dot have no blanks inside."""
    text, last = "", "."
    for part in parts:
        text += part if last in "@." or part in "@.," else f" {part}"
        last = part
    return text
