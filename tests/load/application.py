"""An application: threads that read secrets and use their values again and again."""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence

from testing.harness.account import eventually

# The functions need processor time, too.
_PAUSE_SECONDS = 0.01

Send = Callable[[], None]


class Application:
    """A running application, and the results of its requests."""

    def __init__(self, requests: Sequence[Send], threads: int) -> None:
        self.failures: list[str] = []
        self._requests = itertools.cycle(requests)
        self._next = threading.Lock()
        self._stopped = threading.Event()
        self._turns = [0] * threads
        self._threads = [
            threading.Thread(target=self._work, args=[number]) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def sent(self) -> int:
        return sum(self._turns)

    def read_again(self) -> None:
        """Wait until no thread has a value that it read before now.

        This replaces the minimum overlap, which gives applications that time.
        """
        before = list(self._turns)
        eventually(
            "The application's next request",
            lambda: list(self._turns),
            lambda turns: all(now > then for now, then in zip(turns, before, strict=True)),
            pause=0.01,
        )

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _work(self, number: int) -> None:
        while not self._stopped.wait(_PAUSE_SECONDS):
            with self._next:
                send = next(self._requests)
            try:
                send()
            except Exception as error:  # noqa: BLE001 -- an application would see any of them
                self.failures.append(repr(error))
            self._turns[number] += 1


@contextlib.contextmanager
def application(requests: Sequence[Send], *, threads: int = 2) -> Iterator[Application]:
    """Run an application until the block ends."""
    running = Application(requests, threads)
    try:
        yield running
    finally:
        running.stop()
