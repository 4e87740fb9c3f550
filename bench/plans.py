"""Measures `terraform plan` for many secrets, and draws how it grows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bench.chart import draw
from bench.measure import in_turn, median, ratio
from bench.modules import RATIO, SIZES, roots
from bench.page import table

if TYPE_CHECKING:
    from bench.measure import Options

_PICTURE: Final = "performance.svg"
_TITLE: Final = "Processor time of a plan, by the number of secrets"


def measure(options: Options) -> list[str]:
    """Return the table."""
    with roots(options) as rivals:
        *_, other = rivals
        cases = [(name, size) for size in SIZES for name in rivals]
        used = in_turn(options.runs, {(n, s): partial(rivals[n].plan, s) for n, s in cases})
        sizes = {(name, size): rivals[name].sizes[size] / 1024 for name, size in cases}
    seconds = {case: median(plans, "cpu") for case, plans in used.items()}
    draw(
        options.page.with_name(_PICTURE),
        {name: [(size, seconds[name, size]) for size in SIZES] for name in rivals},
    )
    lines = table(
        [
            "secrets with",
            *(f"CPU s, {size}" for size in SIZES),
            "CPU s, each more",
            *(f"ratio, {size}" for size in SIZES),
            *(f"KB, {size}" for size in SIZES),
            "KB, each more",
        ],
        [
            [
                name,
                *(f"{seconds[name, size]:.2f}" for size in SIZES),
                f"{_growth(name, seconds):.3f}",
                *(f"{ratio(used[name, size], used[other, size]):.2f}" for size in SIZES),
                *(f"{sizes[name, size]:.0f}" for size in SIZES),
                f"{_growth(name, sizes):.1f}",
            ]
            for name in rivals
        ],
    )
    return [f"![{_TITLE}]({_PICTURE})", "", *lines, "", RATIO]


def _growth(name: str, figures: dict[tuple[str, int], float]) -> float:
    """Return how much one more secret adds."""
    least, *_, most = SIZES
    return (figures[name, most] - figures[name, least]) / (most - least)
