"""The database servers that run in one process, each started at its first use."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Server(Protocol):
    def start(self) -> None: ...

    def stop(self) -> None: ...


_S = TypeVar("_S", bound=_Server)


class Servers:
    """The servers that run."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._running: dict[tuple[object, str], Any] = {}

    def get(self, create: Callable[[Path, str], _S], version: str) -> _S:
        """Return a server of a version, and start it unless it runs."""
        if (create, version) not in self._running:
            temporary = tempfile.TemporaryDirectory(prefix="database-")
            server = create(Path(self._stack.enter_context(temporary)), version)
            self._stack.callback(server.stop)
            server.start()
            self._running[create, version] = server
        running: _S = self._running[create, version]
        return running


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Start servers where they are needed, and stop them at the end of the block."""
    with contextlib.ExitStack() as stack:
        yield Servers(stack)
