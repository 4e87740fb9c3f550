"""The code blocks of README.md, each with the comment above it that says how it is checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"

_BLOCK = re.compile(
    r"(?:<!-- (?P<check>[a-z]+)(?:: (?P<subject>\S+))? -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: what checks it, on what, and its text."""

    check: str | None
    subject: str | None
    language: str
    text: str


def blocks() -> list[Block]:
    """Read all blocks, in their order; terraform-docs writes none."""
    return [Block(**found.groupdict()) for found in _BLOCK.finditer(README.read_text())]


def block(check: str, subject: str | None = None) -> str:
    """Return the text of the one block that is checked so."""
    (text,) = (one.text for one in blocks() if (one.check, one.subject) == (check, subject))
    return text
