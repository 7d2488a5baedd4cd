"""Small decisions, each drawn by hypothesis, so that a failing world shrinks to a small one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

T = TypeVar("T")

SEARCH = int(os.environ.get("SIGNPOST_EXAMPLES", "0"))
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)


def bounded(examples: int) -> settings:
    """Quick and repeatable; `SIGNPOST_EXAMPLES=5000` makes it a search with other examples each time."""
    return settings(
        max_examples=SEARCH or examples, derandomize=not SEARCH, deadline=None, database=None, suppress_health_check=SLOW
    )


class Choices:
    """Everything these tests draw, they draw through one of these. The first option is the simplest."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def below(self, count: int) -> int:
        drawn: int = self._draw(st.integers(0, count - 1)) if count > 1 else 0
        return drawn

    def of(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def chance(self, percent: int) -> bool:
        """False when hypothesis shrinks."""
        return self.below(100) >= 100 - percent

    def some(self, options: Sequence[T], most: int) -> list[T]:
        return [self.of(options) for _ in range(1 + self.below(most))]
