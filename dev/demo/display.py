"""Displays the demo: a live table on a terminal, otherwise plain lines."""

import contextlib
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from rich.console import Console
from rich.live import Live
from rich.table import Table

STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")
_RATE_OVER_SECONDS: Final = 2
_LONGEST_NAME: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The state of the demo at one moment."""

    credential: str
    request: str
    rotation: int
    rotations: int
    steps_done: tuple[str, ...] = ()
    current: str | None = None
    previous: str | None = None
    in_use: tuple[str, ...] = ()
    requests: int = 0
    failed: int = 0


class Display(Protocol):
    """The output of the demo."""

    def say(self, sentence: str) -> None:
        """Print a sentence."""

    def show(self, scene: Scene) -> None:
        """Show the current state, several times a second."""


def masked(name: str | None) -> str:
    """Shorten a key's ID. It is not secret, but its ends suffice. A user's name stays."""
    if name and len(name) > _LONGEST_NAME:
        return f"{name[:4]}…{name[-4:]}"
    return name or "none"


class _Rate:
    """The number of requests per second, averaged over the last two seconds."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def of(self, requests: int) -> float:
        now = time.monotonic()
        self._counts.append((now, requests))
        while now - self._counts[0][0] > _RATE_OVER_SECONDS:
            self._counts.popleft()
        then, before = self._counts[0]
        return (requests - before) / (now - then) if now > then else 0


@dataclass
class Lines:
    """Plain lines, one for each change."""

    _rate: _Rate = field(default_factory=_Rate)
    _last: Scene | None = None

    def say(self, sentence: str) -> None:
        """Print the sentence."""
        _write(sentence)

    def show(self, scene: Scene) -> None:
        """Print the changes since the last scene."""
        rate = self._rate.of(scene.requests)
        last, self._last = self._last, scene
        where = f"rotation {scene.rotation}/{scene.rotations}:"
        done = last.steps_done if last and last.rotation == scene.rotation else ()
        for step in scene.steps_done[len(done) :]:
            _write(f"{where} {step} done")
        if last is None or scene.current != last.current:
            _write(f"{where} current {masked(scene.current)}, previous {masked(scene.previous)}")
        if last is None or (scene.in_use != last.in_use and len(scene.in_use) == 1):
            _write(
                f"{where} application uses {', '.join(map(masked, scene.in_use)) or 'none'}; "
                f"{scene.requests} {scene.request}, {rate:.0f}/s, {scene.failed} failed"
            )


class _Table:
    """A table that changes in place."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._rate = _Rate()

    def say(self, sentence: str) -> None:
        self._live.console.print(sentence, highlight=False)

    def show(self, scene: Scene) -> None:
        table = Table(show_header=False, title=f"Rotation {scene.rotation} of {scene.rotations}")
        marks = [
            f"[green]✓ {step}[/]" if step in scene.steps_done else f"[dim]· {step}[/]"
            for step in STEPS
        ]
        table.add_row("steps", "  ".join(marks))
        table.add_row(f"current {scene.credential}", f"[green]{masked(scene.current)}[/]")
        table.add_row(f"previous {scene.credential}", masked(scene.previous))
        table.add_row("application uses", ", ".join(map(masked, scene.in_use)) or "none")
        table.add_row(
            scene.request, f"{scene.requests}, {self._rate.of(scene.requests):.0f} per second"
        )
        colour = "red" if scene.failed else "green"
        table.add_row("failed", f"[{colour}]{scene.failed}[/]")
        self._live.update(table)


@contextlib.contextmanager
def display() -> Iterator[Display]:
    """Return the display that suits the output."""
    console = Console()
    if not console.is_terminal:
        yield Lines()
        return
    with Live(console=console, auto_refresh=True) as live:
        yield _Table(live)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
