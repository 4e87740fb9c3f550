"""The order of the tests in several processes: the longest first.

Otherwise one process still works while the others have nothing left. pytest-xdist hands out groups
in this order only with `--no-loadscope-reorder`; alone, it begins with those of the most tests.
"""

from typing import Final

import pytest

# Groups, and the beginnings of the names of tests, from the longest to the shortest.
LONGEST: Final = (
    *("real-time", "faults", "load"),
    *("leaks", "grants", "upgrade", "readme", "schedule"),
    *("notifications", "managed", "plan", "package"),
    "tests/services/",
    "tests/e2e/",
    *("rules", "expressions", "testing/real_aws/"),
    "tests/static/test_terraform.py::test_checkov",
    "tests/static/test_terraform.py::test_native_tests_pass",
    "tests/static/test_python.py",
    "tests/unit/test_kill_matrix.py",
    "tests/unit/test_sequences.py",
    "tests/",
)


@pytest.hookimpl(tryfirst=True)  # Then pytest-xdist reads the groups.
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return
    # The short tests of faults and of load share a deployment. The long ones take half an hour.
    if config.getoption("markexpr") != "not slow":
        for item in items:
            if "faults" in item.path.parts:
                item.add_marker(pytest.mark.xdist_group("faults"))
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    groups = {mark.args[0] for mark in item.iter_markers("xdist_group")}
    return next(
        (
            place
            for place, name in enumerate(LONGEST)
            if name in groups or item.nodeid.startswith(name)
        ),
        len(LONGEST),
    )
