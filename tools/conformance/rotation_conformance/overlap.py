"""Runs deliveries that overlap: each one is suspended at a call or a sleep, and goes on later.

Only one runs at a time, so the same turns always give the same result.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rotation.api import RotationError
from rotation.aws import LONGEST_ATTEMPT_SECONDS, LONGEST_CALL_SECONDS
from rotation_conformance.account import Killed, Side, nothing

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from rotation_conformance.account import Account, Trouble


class Delivery:
    """A part of a rotation in a process of its own."""

    def __init__(self, name: str, work: Callable[[], object], *troubles: Trouble) -> None:
        """Take the work; nothing runs yet.

        Args:
            name: for the log.
            work: runs in the process.
            troubles: get the numbers of this delivery's own calls.
        """
        self.name = name
        self.troubles = troubles
        self.points = 0
        self.calls = 0
        self.over = False
        self.error: Exception | Killed | None = None
        self._work = work
        self._until: int | None = None
        self._dying = False
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, daemon=True)

    @property
    def succeeded(self) -> bool:
        return self.over and self.error is None

    def run(self, until: int | None = None) -> bool:
        """Let it run until it is over, or about to pass a point; return whether it is over.

        Raises:
            Exception: An error of the work that isn't one of the product's.
        """
        if not self.over:
            self._until = until
            if self.points == 0 and not self.thread.ident:
                self.thread.start()
            else:
                self._go.release()
            self._stopped.acquire()
        if self.error is not None and not isinstance(self.error, Killed | RotationError):
            raise self.error
        return self.over

    def end(self) -> None:
        """Stop the process where it is suspended."""
        if self.thread.ident and not self.over:
            self._dying = True
            self._go.release()
            self._stopped.acquire()
        if self.thread.ident:
            self.thread.join()

    def pause(self) -> None:
        """Pass a point: stay there if it is the one to stop at."""
        self.points += 1
        if self._until == self.points:
            self._stopped.release()
            self._go.acquire()
        if self._dying:
            raise Killed

    def _run(self) -> None:
        try:
            self._work()
        except (Exception, Killed) as error:  # noqa: BLE001 -- run raises it, or the caller reads it
            self.error = error
        finally:
            self.over = True
            self._stopped.release()


class Overlap:
    """The deliveries on one account, and the log of all that they did."""

    def __init__(self, account: Account, *checks: Trouble, issues: str | None = None) -> None:
        """Let the deliveries share an account.

        Args:
            account: each of its calls, and each sleep, is a point to stop at.
            checks: are called at each call of each delivery.
            issues: the call that the SDK makes once, without retries.
        """
        self._account = account
        self._issues = issues
        self._checks = checks
        self._deliveries: list[Delivery] = []
        self.log: list[str] = []

    def __enter__(self) -> Self:
        self._account.fuse.arm(self._called, *self._checks)
        self._account.time.asleep = self._asleep
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
        self._account.fuse.arm()
        self._account.time.asleep = nothing
        if error is not None:
            error.add_note("\n".join(self.log))

    def end(self) -> None:
        """Stop all deliveries that are suspended."""
        for delivery in self._deliveries:
            delivery.end()

    def add(self, name: str, work: Callable[[], object], *troubles: Trouble) -> Delivery:
        def alive() -> None:
            self._account.fuse.revive()
            work()

        delivery = Delivery(name, alive, *troubles)
        self._deliveries.append(delivery)
        return delivery

    def _running(self) -> Delivery | None:
        me = threading.current_thread()
        return next((one for one in self._deliveries if one.thread is me), None)

    def _called(self, _number: int, name: str, side: Side) -> None:
        delivery = self._running()
        if delivery is None:
            return
        if side is Side.BEFORE:
            began = self._account.time.now
            delivery.pause()
            delivery.calls += 1
            longest = LONGEST_ATTEMPT_SECONDS if name == self._issues else LONGEST_CALL_SECONDS
            if (self._account.time.now - began).total_seconds() > longest:
                # The SDK gives up a call that takes longer. Here the process stops.
                self._note(f"{delivery.name} {delivery.calls} {name}: was suspended for too long")
                raise Killed
        text = f"{delivery.name} {delivery.calls} {name}"
        try:
            for trouble in delivery.troubles:
                trouble(delivery.calls, name, side)
        except BaseException as error:
            self._note(f"{text}: {type(error).__name__} {side} it")
            raise
        if side is Side.BEFORE:
            lag = self._account.read_lag
            self._note(f"{text}, {lag:.1f} s stale" if lag else text)

    def _asleep(self) -> None:
        if delivery := self._running():
            self._note(f"{delivery.name} sleeps")
            delivery.pause()

    def _note(self, text: str) -> None:
        self.log.append(f"{self._account.time.now:%H:%M:%S.%f} {text}")
