"""Measures `terraform apply` for many secrets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from bench.measure import in_turn, median, ratio
from bench.modules import RATIO, SIZES, roots
from bench.page import table

if TYPE_CHECKING:
    from bench.measure import Options, Usage

# An apply of functions mostly waits: the provider creates one at a time, and waits five seconds for
# each (https://github.com/hashicorp/terraform/issues/9364).
_AT_ONCE: Final = 5


def measure(options: Options) -> list[str]:
    """Return the table."""
    rounds = [len(range(options.runs)[first::_AT_ONCE]) for first in range(_AT_ONCE)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        parts = [*pool.map(partial(_applies, options), filter(None, rounds))]
    used = {case: [one for part in parts for one in part[case]] for case in parts[0]}
    names = [*dict.fromkeys(name for name, _ in used)]
    titles = {"cpu": "CPU s", "wall": "s"}
    other = names[-1]
    lines = table(
        [
            "secrets with",
            *(f"{titles[figure]}, {size}" for figure in titles for size in SIZES),
            *(f"ratio, {size}" for size in SIZES),
        ],
        [
            [
                name,
                *(f"{median(used[name, size], one):.2f}" for one in titles for size in SIZES),
                *(f"{ratio(used[name, size], used[other, size]):.2f}" for size in SIZES),
            ]
            for name in names
        ],
    )
    return [*lines, "", RATIO]


def _applies(options: Options, runs: int) -> dict[tuple[str, int], list[Usage]]:
    """Apply each number of secrets with each module so many times."""
    with roots(options) as rivals:
        cases = [(name, size) for size in SIZES for name in rivals]
        return in_turn(runs, {(n, s): partial(rivals[n].apply, s) for n, s in cases})
