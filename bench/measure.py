"""Runs commands in turn, and compares their medians."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
K = TypeVar("K")


@dataclass(frozen=True, kw_only=True)
class Options:
    """The arguments of the bench."""

    runs: int
    aws_templates: Path | None
    """A checkout of AWS's rotation templates."""
    secrets_manager_module: Path | None
    """A checkout of terraform-aws-modules/secrets-manager."""
    page: Path
    """The page, beside which the picture is."""


class CommandError(Exception):
    """A command failed."""

    def __init__(self, command: Sequence[str | Path], output: str) -> None:
        super().__init__(f"{' '.join(map(str, command))} failed:\n{output}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The use of one process and of its children, or of one rotation."""

    wall: float
    """Seconds from its start to its end."""
    cpu: float = 0
    """Seconds of processor time."""
    output: str = ""
    memory: float = 0
    """The peak memory in MB, where the process reports it."""


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> Usage:
    """Run a command to its end.

    Raises:
        CommandError: It failed.
    """
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        env=environment,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        output = process.stdout.read() if process.stdout else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CommandError(command, output)
    return Usage(
        cpu=used.ru_utime + used.ru_stime,
        wall=time.monotonic() - began,
        output=output,
    )


def in_turn(runs: int, rivals: Mapping[K, Callable[[], Usage]]) -> dict[K, list[Usage]]:
    """Run all rivals once per round, so that a busy machine slows all of them."""
    used: dict[K, list[Usage]] = {name: [] for name in rivals}
    names = [*rivals]
    for number in range(runs):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            used[name].append(rivals[name]())
    return used


def median(used: Sequence[Usage], figure: str) -> float:
    """Return the median of one figure."""
    figures: list[float] = [getattr(one, figure) for one in used]
    return statistics.median(figures)


def ratio(used: Sequence[Usage], other: Sequence[Usage], figure: str = "cpu") -> float:
    """Return the median of the ratios of one figure in each round."""
    pairs = zip(used, other, strict=True)
    ratios: list[float] = [getattr(one, figure) / getattr(two, figure) for one, two in pairs]
    return statistics.median(ratios)
