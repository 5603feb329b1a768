"""The arithmetic of a chart, apart from painting: round axis steps, labels that keep clear of each other, heights."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

GRID_LINES_MAX = 5
ROUND = (10, 20, 25, 50, 100)  # tenths: 1, 2, 2.5, 5, 10


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `points` are (x, y), x ascending, in whole units such as calls and micros."""

    key: str
    name: str
    points: tuple[tuple[int, int], ...]
    is_strong: bool = False  # the one the reader compares with

    def height(self, x: int) -> float:
        """y at x, on the straight line between the two points around it: for drawing, not for saying."""
        place = bisect_left(self.points, (x,))
        if place == 0:
            return float(self.points[0][1])
        if place == len(self.points):
            return float(self.points[-1][1])
        (x0, y0), (x1, y1) = self.points[place - 1], self.points[place]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def round_ticks(most: int, lines: int = GRID_LINES_MAX) -> tuple[int, ...]:
    """From zero in equal round steps to `most` or just beyond; at most `lines` of them, never fewer than two."""
    steps = max(lines - 1, 1)
    scale = 1
    while True:
        for tenths in ROUND:
            step, rest = divmod(tenths * scale, 10)
            if rest == 0 and step * steps >= most:
                count = max(1, -(-most // step))
                return tuple(step * number for number in range(count + 1))
        scale *= 10


def spread(wanted: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Centres of labels as near to `wanted` as `gap` between neighbours allows, within top and bottom if they fit."""
    order = sorted(range(len(wanted)), key=lambda number: wanted[number])
    placed = [0.0] * len(wanted)
    floor = top
    for number in order:
        placed[number] = max(wanted[number], floor)
        floor = placed[number] + gap
    ceiling = bottom
    for number in reversed(order):
        placed[number] = min(placed[number], ceiling)
        ceiling = placed[number] - gap
    return placed


def xs_of(series: Sequence[Series]) -> tuple[int, ...]:
    """Where every line has a point of its own: the places a reader can stand on."""
    common = set.intersection(*({x for x, _ in one.points} for one in series)) if series else set()
    return tuple(sorted(common))
