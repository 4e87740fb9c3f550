"""Measures `terraform apply` for many secrets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from bench.measure import in_turn, median
from bench.modules import roots
from bench.page import table

if TYPE_CHECKING:
    from bench.measure import Options

# The provider creates one function at a time, and waits five seconds for each: 50 take minutes.
# https://github.com/hashicorp/terraform/issues/9364
_SIZES: Final = (1, 10)


def measure(options: Options) -> list[str]:
    """Return the table."""
    with roots(options) as rivals:
        cases = [(name, size) for size in _SIZES for name in rivals]
        used = in_turn(options.runs, {(n, s): partial(rivals[n].apply, s) for n, s in cases})
    figures = [(figure, size) for figure in ("cpu", "wall") for size in _SIZES]
    titles = {"cpu": "CPU s", "wall": "s"}
    return table(
        ["secrets with", *(f"{titles[figure]}, {size}" for figure, size in figures)],
        [
            [name, *(f"{median(used[name, size], figure):.2f}" for figure, size in figures)]
            for name in rivals
        ],
    )
