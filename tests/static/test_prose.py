"""The texts are plain English, and the check of it finds what it should."""

import subprocess
import sys
from pathlib import Path

import pytest

from dev.prose.__main__ import Finding, check

_LONG = "one " * 25


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-m", "dev.prose"], id="plain-english"),
        pytest.param(["-m", "codespell_lib"], id="spelling"),
    ],
)
def test_texts_pass(command: list[str], repository: Path) -> None:
    result = subprocess.run(
        [sys.executable, *command],
        check=False,
        cwd=repository,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout


_FOUND = {
    "a-word-in-a-page": ("a.md", "A page.\n\nThe function\nis told.\n", 4, "told =>"),
    "a-long-sentence": ("a.md", f"A page.\n\nIt has `{_LONG}` {_LONG}.\n", 3, "Exceeds"),
    "a-clause-as-subject": ("a.md", "What it does is hard.\n", 1, "a noun as the subject"),
    "a-comment-in-python": ("a.py", "a = 1\n# One line,\n# told.\nb = 1\n", 3, "told =>"),
    "a-comment-behind-code": ("a.py", "a = 1  # It is told.\n", 1, "told =>"),
    "a-docstring": ("a.py", 'def f():\n    """F.\n\n    It is told.\n    """\n', 4, "told =>"),
    "a-message-in-python": ("a.py", '\na = f"Nobody reads {b} at all."\n', 2, "Nobody =>"),
    "a-test-name": ("a.py", "def test_a_key_is_told(): ...\n", 1, "told =>"),
    "a-clause-as-test-name": ("a.py", "def test_what_is_left(): ...\n", 1, "a noun as the"),
    "a-case-name": ("a.py", 'param(1, id="a-told-key")\n', 1, "told =>"),
    "a-comment-in-hcl": ("a.tf", 'a = "#" # It is told.\n', 1, "told =>"),
    "a-description": ("a.tf", 'variable "a" {\n  description = "Is told."\n}\n', 2, "told =>"),
    "a-rule-without-must": ("a.tf", '  error_message = "a is ${b("}")}."\n', 1, 'Say "must"'),
    "a-comment-in-yaml": ("a.yaml", "a: 1\n# It is told.\n", 2, "told =>"),
    "a-comment-in-make": ("Makefile", "# It is told.\n", 1, "told =>"),
    "a-comment-in-sql": ("a.sql", "-- It is told.\nSELECT 1\n", 1, "told =>"),
    "a-comment-in-go": ("a.go", "// It is told.\n", 1, "told =>"),
}


_PASSED = {
    "code-in-a-page": ("a.md", "The option `told`.\n\n```\ntold\n```\n"),
    "a-generated-table": ("a.md", "<!-- BEGIN_TF_DOCS -->\ntold\n<!-- END_TF_DOCS -->\n"),
    "a-question": ("a.md", "## What it rotates\n\nWhat if it dies?\n"),
    "a-sentence-of-25-words": ("a.md", f"{_LONG.strip()}.\n"),
    "two-comments": ("a.py", f"# {_LONG}\n\n# {_LONG}\n"),
    "code-in-python": ("a.py", 'told = {"told": f"told/{told}"}\n'),
    "a-rule-with-must": ("a.tf", '  error_message = "a must be \\"b\\". Found: ${told}."\n'),
    "an-assertion": ("a.tftest.hcl", '  error_message = "The tag has another value."\n'),
    "the-description-of-a-resource": (
        "a.tf",
        'resource "a" "b" {\n  description = "Is told."\n}\n',
    ),
    "a-file-of-another-kind": ("a.json", '"It is told."\n'),
}


@pytest.fixture(scope="module")
def findings() -> dict[str, list[Finding]]:
    """The findings in each sample; textlint starts once for all of them."""
    samples = {name: (case[0], case[1]) for name, case in (_FOUND | _PASSED).items()}
    found = check([(f"{name}/{path}", content) for name, (path, content) in samples.items()])
    return {name: [one for one in found if one.path.startswith(f"{name}/")] for name in samples}


@pytest.mark.parametrize("name", _FOUND)
def test_a_finding_has_the_line_of_its_source(
    name: str, findings: dict[str, list[Finding]]
) -> None:
    _, _, line, advice = _FOUND[name]
    (finding,) = findings[name]
    assert finding.line == line
    assert advice in finding.advice


@pytest.mark.parametrize("name", _PASSED)
def test_plain_english_passes(name: str, findings: dict[str, list[Finding]]) -> None:
    assert findings[name] == []


def test_an_empty_list_of_files_passes() -> None:
    assert check([("a.json", "{}")]) == []
