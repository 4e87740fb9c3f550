"""The longest tests start first."""

import re
from pathlib import Path

import pytest

from tests.order import LONGEST

_TESTS = """
import pytest

def test_of_no_group():
    pass

@pytest.mark.xdist_group("plan")
def test_of_a_short_group():
    pass

@pytest.mark.xdist_group("load")
def test_of_a_long_group():
    pass
"""


def test_groups_start_in_the_order_of_their_length(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repository))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(_TESTS)
    processes = ("-p", "xdist", "-n1", "--dist=loadgroup", "--no-loadscope-reorder")
    result = pytester.runpytest("-p", "tests.order", "-v", *processes)
    assert re.findall(r"PASSED .*::(\w+)", result.stdout.str()) == [
        "test_of_a_long_group",
        "test_of_a_short_group",
        "test_of_no_group",
    ]


def test_everything_in_the_list_exists(repository: Path) -> None:
    texts = [path.read_text() for path in (repository / "tests").rglob("test_*.py")]
    groups = {name for text in texts for name in re.findall(r'xdist_group\("([^"]+)"\)', text)}
    for name in LONGEST:
        path, _, test = name.partition("::")
        if "/" in path:
            assert (repository / path).exists(), name
            assert f"def {test}" in (repository / path).read_text() if test else True, name
        else:
            assert name in groups, name
