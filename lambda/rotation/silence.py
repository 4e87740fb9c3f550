"""Keeps all output of the process out of the log, except the function's own record.

Lambda logs what a process writes to its descriptors 1 and 2, and what the root logger's handler
gets. A custom rotator, or a library that it uses, may write there in many ways: print, a warning,
a thread, a hook of the interpreter, a child process. Any such text may quote a credential.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_DESCRIPTORS = (1, 2)


class Silence:
    """Silences the process during an invocation and, if possible, from then on."""

    def __init__(self, *, lasting: bool) -> None:
        """Take how long it lasts; nothing is silent yet.

        Args:
            lasting: whether the process stays silent between invocations, which threads and hooks
                outlive. False: the process that runs the function needs descriptors 1 and 2.
        """
        self._lasting = lasting
        self._log: TextIO | None = None
        # Never closed: a thread may still write to it.
        self._nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")

    @contextlib.contextmanager
    def keep(self) -> Iterator[TextIO]:
        """Let nothing reach the log during the block; yield the stream for after it."""
        # logging.disable does not stop levels above CRITICAL, and the rotator can undo it.
        logging.getLogger().handlers.clear()
        if self._lasting:
            if self._log is None:
                self._log = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
            self._redirect()
            yield self._log
            return
        streams = sys.stdout, sys.stderr
        buffers = (*streams, sys.__stdout__, sys.__stderr__)
        _flush(*buffers)
        saved = [os.dup(descriptor) for descriptor in _DESCRIPTORS]
        self._redirect()
        # In tests, the streams may not write to these descriptors.
        sys.stdout = sys.stderr = self._nowhere
        try:
            yield streams[0]
        finally:
            # The block may have left text there.
            _flush(*buffers)
            sys.stdout, sys.stderr = streams
            for descriptor, copy in zip(_DESCRIPTORS, saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)

    def _redirect(self) -> None:
        for descriptor in _DESCRIPTORS:
            os.dup2(self._nowhere.fileno(), descriptor)


def _flush(*streams: TextIO | None) -> None:
    for stream in streams:
        # The block may have closed it.
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                stream.flush()
