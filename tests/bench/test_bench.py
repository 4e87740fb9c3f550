"""The bench runs, and writes its tables into the page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import GROUPS
from rotation.strategies import REGISTRY


def test_the_bench_writes_the_calls_of_each_strategy(repository: Path, tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("Before.\n<!-- BEGIN_CALLS -->\nold\n<!-- END_CALLS -->\nAfter.\n")
    subprocess.run(
        [sys.executable, "-m", "bench", "--runs=1", "--only=calls", f"--page={page}"],
        check=True,
        cwd=repository,
        env={"PYTHONPATH": "lambda:tools/conformance"},
    )
    text = page.read_text()
    assert text.startswith("Before.\n<!-- BEGIN_CALLS -->\n| strategy | ")
    assert text.endswith("<!-- END_CALLS -->\nAfter.\n")
    assert [name for name in REGISTRY if f"\n| `{name}` | " not in text] == []


def test_the_page_has_a_section_of_each_group(repository: Path) -> None:
    text = (repository / "docs" / "performance.md").read_text()
    for group in GROUPS:
        section = text.partition(f"<!-- BEGIN_{group.upper()} -->")[2]
        lines = section.partition(f"<!-- END_{group.upper()} -->")[0].splitlines()
        assert "Not measured yet." in lines or any(line.startswith("| ") for line in lines), group


@pytest.mark.parametrize(
    ("product", "page"),
    [
        ("PostgreSQL 16", "postgres"),
        ("MariaDB 10.11", "mysql"),
        ("MariaDB 10.11", "mariadb"),
    ],
)
def test_the_pages_have_the_measured_gap(product: str, page: str, repository: Path) -> None:
    measured = (repository / "docs" / "performance.md").read_text()
    form = rf"^\| this module, {product}, `single_user` \| (\d+) \| (\d+) \|"
    row = re.search(form, measured, re.MULTILINE)
    assert row
    text = (repository / "examples" / page / "README.md").read_text()
    gap = f"a reconnect, with a gap of {row[1]} ms in the median and {row[2]} ms at most"
    assert gap in " ".join(text.split())
