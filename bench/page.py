"""Writes the tables into a page, each between its two comments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The first column has names; the others have numbers.
_RULE: Final = {True: "---", False: "--:"}


class NoSectionError(Exception):
    """The page has no place for a group."""

    def __init__(self, path: Path, group: str) -> None:
        super().__init__(f"{path} must have the comments of {group}: see bench/page.py.")


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return the lines of a table."""
    rule = [_RULE[number == 0] for number in range(len(header))]
    return [f"| {' | '.join(map(str, row))} |" for row in (header, rule, *rows)]


def write(path: Path, group: str, lines: Sequence[str]) -> None:
    """Replace the section of a group.

    Raises:
        NoSectionError: The page has no comments for it.
    """
    name = group.upper()
    text = path.read_text(encoding="utf-8")
    section = "\n".join((f"<!-- BEGIN_{name} -->", *lines, f"<!-- END_{name} -->"))
    pattern = f"<!-- BEGIN_{name} -->.*<!-- END_{name} -->"
    changed, found = re.subn(pattern, lambda _: section, text, flags=re.DOTALL)
    if found != 1:
        raise NoSectionError(path, group)
    path.write_text(changed, encoding="utf-8")
