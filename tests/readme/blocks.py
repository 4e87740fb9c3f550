"""The pages of the project and their code blocks. A comment above each says how it is checked."""

from __future__ import annotations

import functools
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
README = REPOSITORY / "README.md"
PAGES = [
    README,
    *sorted(REPOSITORY.glob("docs/*.md")),
    *sorted(REPOSITORY.glob("examples/*/README.md")),
    *sorted(REPOSITORY.glob("tools/*/README.md")),
]
# The pages for contributors.
INTERNAL_PAGES = [
    REPOSITORY / "CONTRIBUTING.md",
    REPOSITORY / "testing" / "README.md",
    *sorted(REPOSITORY.glob("testing/*/README.md")),
]
# How a caller names the module, where an example of this repository says "../..".
REGISTRY_SOURCE = 'source  = "…/rotating-secret/aws"\n  version = "~> 1.0"'

_BLOCK = re.compile(
    r"(?:^(?P<indent> *)<!-- (?P<check>[a-z]+)(?:: (?P<subject>\S+))? -->\n)?"
    r"^(?P<margin> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block: where it is, what checks it, on what, and its text."""

    page: str
    check: str | None
    subject: str | None
    language: str
    text: str


@functools.cache
def blocks() -> list[Block]:
    """Read the blocks of all pages, in their order; terraform-docs writes none."""
    return [
        Block(
            page=str(page.relative_to(REPOSITORY)),
            check=found["check"],
            subject=found["subject"],
            language=found["language"],
            text=textwrap.dedent(found["text"]),
        )
        for page in [*PAGES, *INTERNAL_PAGES]
        for found in _BLOCK.finditer(page.read_text())
    ]


def block(check: str, subject: str | None = None) -> str:
    """Return the text of the one block that is checked so."""
    (text,) = (one.text for one in blocks() if (one.check, one.subject) == (check, subject))
    return text


def local(configuration: str) -> str:
    """Name the copy of the module that a test makes, in place of the registry."""
    return configuration.replace(REGISTRY_SOURCE, 'source = "./terraform-aws-rotating-secret"')
