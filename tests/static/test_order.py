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

# They start no server.
_FIXTURES = """
import pytest
from testing.databases.versions import MYSQL_SERVERS

@pytest.fixture
def postgresql():
    pass

@pytest.fixture(params=MYSQL_SERVERS)
def mysql_server():
    pass
"""


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(repository))
    # A worker needs no other plugin.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def _run(pytester: pytest.Pytester, *options: str) -> list[str]:
    """Return the tests in the order in which they ran, with their groups."""
    pytester.makeini("[pytest]\nmarkers =\n    slow: long\n")
    processes = ("-p", "xdist", "-n1", "--dist=loadgroup", "--no-loadscope-reorder")
    result = pytester.runpytest("-p", "tests.order", "-v", *processes, *options)
    return re.findall(r"PASSED .*::(\S+)", result.stdout.str())


def test_groups_start_in_the_order_of_their_length(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(_TESTS)
    assert _run(pytester) == [
        "test_of_a_long_group@load",
        "test_of_a_short_group@plan",
        "test_of_no_group",
    ]


def test_only_the_short_tests_of_faults_share_a_deployment_with_those_of_load(
    pytester: pytest.Pytester,
) -> None:
    (pytester.mkdir("faults") / "test_faults.py").write_text(_TESTS)
    assert "test_of_a_long_group@load" in _run(pytester, "-m", "not slow")
    assert "test_of_a_long_group@faults_load" in _run(
        pytester, "-m", "slow or campaign or not slow"
    )


def test_all_tests_of_a_database_server_have_its_group(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(_FIXTURES)
    pytester.makepyfile("""
    def test_of_a_version(postgresql):
        pass

    def test_of_each_server(mysql_server):
        pass
    """)
    assert _run(pytester, "-p", "testing.databases.fixtures", "-m", "not slow") == [
        "test_of_a_version@postgresql-16",
        "test_of_each_server[mysql-8.0.31]@mysql-8.0.31",
        "test_of_each_server[mariadb-10.11]@mariadb-10.11",
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
            assert name in groups | {"faults"}, name
