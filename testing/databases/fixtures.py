"""Fixtures of database servers. Each starts at its first use, and serves all tests of a process.

A test for several versions has the mark `parametrize("postgresql", POSTGRESQL, indirect=True)`.
With several processes, all tests of one server run in the same one.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from testing.databases.postgresql import PostgreSQL
from testing.databases.versions import POSTGRESQL

Start: TypeAlias = Callable[[type[PostgreSQL], str], PostgreSQL]

# The version of a test without parameters is the first.
_VERSIONS: Final = {"postgresql": POSTGRESQL[0].values[0]}


@pytest.fixture(scope="session")
def start_database() -> Iterator[Start]:
    """Starts a server of a version, unless it runs."""
    running: dict[tuple[type, str], PostgreSQL] = {}
    with contextlib.ExitStack() as stack:

        def start(kind: type[PostgreSQL], version: str) -> PostgreSQL:
            if (kind, version) not in running:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="database-"))
                server = kind(Path(folder), version)
                stack.callback(server.stop)
                server.start()
                running[kind, version] = server
            return running[kind, version]

        yield start


@pytest.fixture(scope="session")
def postgresql(request: pytest.FixtureRequest, start_database: Start) -> PostgreSQL:
    """A PostgreSQL server with TLS."""
    return start_database(PostgreSQL, _version(request, "postgresql"))


@pytest.hookimpl(tryfirst=True)  # Then pytest-xdist and tests/order.py read the groups.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests of one server one group, because each process starts its own servers."""
    for item in items:
        for name in _VERSIONS.keys() & {*getattr(item, "fixturenames", ())}:
            callspec = getattr(item, "callspec", None)
            version = callspec.params.get(name) if callspec else None
            item.add_marker(pytest.mark.xdist_group(f"{name}-{version or _VERSIONS[name]}"))


def _version(request: pytest.FixtureRequest, name: str) -> str:
    return str(getattr(request, "param", _VERSIONS[name]))
