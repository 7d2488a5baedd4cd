"""Does it grow? A line through what was seen, and how far that line can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import linear_regression, median

import msgspec

BLOCKS = 20
NEGLIGIBLE = 0.01
"""Of the size: nobody's leak."""


class Trend(msgspec.Struct, frozen=True):
    """All in the unit of what was seen, over the whole time."""

    size: float
    """In the middle."""
    growth: float
    noise: float
    """Two standard errors of the growth: what the medians of twenty equal stretches of time scatter around their line."""

    @property
    def is_flat(self) -> bool:
        return self.growth <= max(self.noise, NEGLIGIBLE * self.size)


def trend(seen: Sequence[float]) -> Trend:
    """Of things seen at equal distances of time. A stretch is told by its median, so that a moment's peak is no growth."""
    width = max(len(seen) // BLOCKS, 1)
    blocks = [median(seen[at : at + width]) for at in range(0, width * (len(seen) // width), width)]
    places = range(len(blocks))
    slope, start = linear_regression(places, blocks)
    off = [each - (start + slope * place) for place, each in zip(places, blocks, strict=True)]
    middle = (len(blocks) - 1) / 2
    scatter = sum(each * each for each in off) / max(len(blocks) - 2, 1)
    error = (scatter / sum((place - middle) ** 2 for place in places)) ** 0.5
    span = len(blocks) - 1
    return Trend(median(blocks), slope * span, 2 * error * span)
