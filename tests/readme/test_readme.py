"""README.md says what is: its quotes, its tables, and that each block has a check at all."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from rotation import errors, log
from tests.readme.blocks import README, Block, block, blocks

REPOSITORY = README.parent
# What the other tests of this folder do with a block.
CHECKS = {"excerpt", "grants", "plan", "quote", "record", "run", "value"}

# What only a test sets, below the default that the README speaks of.
SHORTENED = re.compile(
    r"^ *(?:minimum_overlap_minutes|recovery_window_in_days|settling_seconds) += var\..*\n"
    r"(?:\n(?=}))?",
    re.MULTILINE,
)

QUOTES = [one for one in blocks() if one.check == "quote"]


def test_every_block_but_a_picture_is_checked() -> None:
    unchecked = [one for one in blocks() if one.check not in CHECKS and one.language != "mermaid"]
    assert unchecked == []


def test_every_command_and_configuration_is_run_by_a_test() -> None:
    """A test asks for the block by its name, or bears the name itself, as that of the demo does."""
    paths = list((REPOSITORY / "tests").rglob("test_*.py"))
    texts = "".join(
        [*(path.read_text() for path in paths), *(f'"{path.stem[5:]}"' for path in paths)]
    )
    run = [one for one in blocks() if one.check in {"plan", "run"}]
    assert [one.subject for one in run if f'"{one.subject}"' not in texts] == []


@pytest.mark.parametrize("quote", QUOTES, ids=[str(one.subject) for one in QUOTES])
def test_a_quote_is_the_file_as_a_caller_would_write_it(quote: Block) -> None:
    text = (REPOSITORY / str(quote.subject)).read_text()
    if quote.language == "hcl":
        text = text.replace('"../.."', '"./terraform-aws-rotating-secret"')
        text = SHORTENED.sub("", text)
        text = subprocess.run(
            ["terraform", "fmt", "-"], input=text, check=True, capture_output=True, text=True
        ).stdout
    assert quote.text == text, f"Paste into README.md:\n{text}"


def test_an_excerpt_stands_in_its_file() -> None:
    path = "examples/existing-function/function.tf"
    stripped = [
        "\n".join(line.strip() for line in text.splitlines())
        for text in (block("excerpt", path), (REPOSITORY / path).read_text())
    ]
    assert stripped[0] in stripped[1]


def test_every_error_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", README.read_text(), re.MULTILINE)
    classes = {one.__name__ for one in errors.RotationError.__subclasses__()}
    assert {row for row in rows if row[0].isupper()} == classes


def test_the_log_record_has_listed_keys_in_their_order() -> None:
    record = json.loads(block("record"))
    assert list(record) == [key for key in log.KEYS if key in record]


def test_every_link_inside_the_project_leads_somewhere() -> None:
    text = README.read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        assert target[1:] in anchors if target[0] == "#" else (REPOSITORY / target).exists(), target


def test_every_test_that_a_promise_names_exists() -> None:
    named = re.findall(r"`(tests/[\w./*]+)`", README.read_text())
    assert named
    for path in named:
        assert list(REPOSITORY.glob(path)), path
