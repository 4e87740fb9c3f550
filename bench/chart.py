"""Draws lines into an SVG file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_WIDTH: Final = 640
_HEIGHT: Final = 320
_MARGIN: Final = 48
_LEGEND: Final = 170
# Distinct for colour-blind readers too: https://www.nature.com/articles/nmeth.1618
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73")


def draw(path: Path, lines: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    """Draw the processor time of plans by the number of secrets."""
    points = [point for line in lines.values() for point in line]
    right, top = max(x for x, _ in points), max(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        across = _MARGIN + x / right * (_WIDTH - _MARGIN - _LEGEND)
        return round(across, 1), round(_HEIGHT - _MARGIN - y / top * (_HEIGHT - 2 * _MARGIN), 1)

    origin, end, height = place(0, 0), place(right, 0), place(0, top)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            'font-family="sans-serif" font-size="13">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        (
            f'<path d="M{height[0]} {height[1]}L{origin[0]} {origin[1]}L{end[0]} {end[1]}" '
            'fill="none" stroke="black"/>'
        ),
        _text(_MARGIN, _MARGIN / 2, "seconds of processor time of a plan", "start"),
        _text(end[0], _HEIGHT - 8, "secrets", "end"),
        _text(_MARGIN - 6, height[1] + 4, f"{top:.0f}", "end"),
        _text(_MARGIN - 6, origin[1] + 4, "0", "end"),
        *(
            _text(place(x, 0)[0], _HEIGHT - _MARGIN + 18, str(x), "middle")
            for x in sorted({x for x, _ in points})
        ),
    ]
    for (name, line), colour in zip(lines.items(), _COLOURS, strict=False):
        placed = [place(x, y) for x, y in line]
        drawn = " ".join(f"{x},{y}" for x, y in placed)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in placed]
        parts.append(_text(placed[-1][0] + 8, placed[-1][1] + 4, name, "start", colour))
    path.write_text("\n".join((*parts, "</svg>", "")), encoding="utf-8")


def _text(x: float, y: float, text: str, anchor: str, colour: str = "black") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
