"""Starts the workers of functions as forks of a process that has already imported the AWS SDK.

The import is most of the processor time of a cold start. Such a process is often called a zygote.
"""

from __future__ import annotations

import ctypes
import functools
import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from ministack.core import lambda_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_BYTES: Final = 1 << 20
# https://man7.org/linux/man-pages/man2/pr_set_child_subreaper.2const.html
_PR_SET_CHILD_SUBREAPER: Final = 36


class _Zygote:
    """The process that forks."""

    def __init__(self) -> None:
        # Each worker becomes a child of this process, which can then wait for it.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        script = str(Path(__file__).with_name("zygote.py"))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, script, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._modules = frozenset(json.loads(self._connection.recv(_MOST_BYTES)))

    def hides(self, code: str) -> bool:
        """Return whether a function has a module of its own that the zygote has imported."""
        return any(path.name.partition(".")[0] in self._modules for path in Path(code).iterdir())

    def fork(self, streams: Sequence[int], **request: object) -> int:
        """Return the process ID of a new worker."""
        socket.send_fds(self._connection, [json.dumps(request).encode()], streams)
        return int(self._connection.recv(_MOST_BYTES))


_forking: Final = threading.Lock()
_zygote: Final = functools.cache(_Zygote)


def _has_own_modules_or_options(environment: Mapping[str, str]) -> bool:
    """Return whether a function has a layer, or a variable that only a new interpreter reads."""
    return any(name == "_LAMBDA_LAYERS_DIRS" or name.startswith("PYTHON") for name in environment)


class _Popen(subprocess.Popen[Any]):
    """Forks a Python worker, unless a new interpreter would not do the same."""

    def _execute_child(  # noqa: PLR0913, PLR0917 - the standard library's signature
        self,
        args: Sequence[str],
        executable: object,
        preexec_fn: object,
        close_fds: object,
        pass_fds: object,
        cwd: str,
        env: Mapping[str, str],
        *more: Any,
    ) -> None:
        # Only Linux can make a worker a child of this process.
        can_fork = sys.platform == "linux" and args[0] == sys.executable
        if can_fork and not _has_own_modules_or_options(env):
            descriptors = more[3:9]
            stdin, _, _, stdout, _, stderr = descriptors
            with _forking:
                if not _zygote().hides(cwd):
                    self.pid = _zygote().fork(
                        [stdin, stdout, stderr], script=args[1], cwd=cwd, environment=dict(env)
                    )
                    self._child_created = True
                    self._close_pipe_fds(*descriptors)  # type: ignore[attr-defined]
                    return
        super()._execute_child(  # type: ignore[misc]
            args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *more
        )


def start_by_fork() -> None:
    """Replace subprocess.Popen for MiniStack's workers."""
    lambda_runtime.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": _Popen})
