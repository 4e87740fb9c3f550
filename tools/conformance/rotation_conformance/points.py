"""The points at which a rotation can stop: each line of a strategy, before and after each call.

A process that stops is a thread that stays where it is. No further line of it runs, not even in a
`finally`, as when Lambda ends a sandbox.
"""

from __future__ import annotations

import inspect
import linecache
import sys
import threading
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from rotation_conformance.account import Killed, Side

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

    from rotation_conformance.rotator import Rotation

Reached = tuple[str, int]
"""A place, and how many times it has been reached."""


class Process:
    """Runs a part of a rotation, and reports each point that it reaches."""

    def __init__(
        self,
        rotation: Rotation,
        file: Path,
        work: Callable[[], object],
        reach: Callable[[Reached], None],
    ) -> None:
        """Take the work; nothing runs yet.

        Args:
            rotation: its calls are points.
            file: the file of the strategy; its lines are points.
            work: runs in the process.
            reach: is called at each point, and may do anything there.
        """
        self._rotation = rotation
        self._file = str(file)
        self._work = work
        self._reach = reach
        self._times = Counter[str]()
        self._looking = False
        self._over = threading.Event()
        self._let_go = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._dead = False

    def run(self) -> None:
        """Wait until the work is done.

        Raises:
            BaseException: The error that the work raised.
        """
        self.run_until(None)

    def run_until(self, death: Reached | None) -> None:
        """Wait until the work is done, or the process has stopped.

        Raises:
            BaseException: The error that the work raised.
        """
        if death is not None:
            reach = self._reach
            self._reach = lambda reached: self._die() if reached == death else reach(reached)
        # Another process may be at a point of its own.
        fuse = self._rotation.cloud.fuse
        troubles = fuse.troubles
        fuse.arm(self._called)
        self._thread.start()
        self._over.wait()
        fuse.troubles = troubles
        if not self._dead:
            self._thread.join()
        if self._failure is not None:
            raise self._failure

    def bury(self) -> None:
        """End the thread of a stopped process, once nothing needs its open files any more."""
        self._let_go.set()
        with warnings.catch_warnings():
            # Nothing can close what a stopped process has opened.
            warnings.simplefilter("ignore", ResourceWarning)
            self._thread.join()

    def _run(self) -> None:
        sys.settrace(self._entered)
        try:
            self._work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 -- run_until raises it again
            self._failure = error
        finally:
            sys.settrace(None)
            self._over.set()

    def _die(self) -> None:
        self._dead = True
        self._over.set()
        self._let_go.wait()
        raise Killed

    def _called(self, _number: int, name: str, side: Side) -> None:
        self._at(f"{side} the call {name}")

    def _entered(self, frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401 -- sys.settrace's
        # Only functions, not the bodies of modules and classes.
        if frame.f_code.co_filename == self._file and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            return self._traced
        return None

    def _traced(self, frame: FrameType, event: str, _argument: Any) -> Any:  # noqa: ANN401 -- sys.settrace's
        if event == "line":
            text = linecache.getline(self._file, frame.f_lineno).strip()
            self._at(f"before line {frame.f_lineno}, in {frame.f_code.co_name}: {text}")
        return self._traced

    def _at(self, place: str) -> None:
        # The code that runs at a point reaches points itself.
        if self._looking or threading.current_thread() is not self._thread:
            return
        self._looking = True
        try:
            self._times[place] += 1
            self._reach((place, self._times[place]))
        finally:
            self._looking = False
