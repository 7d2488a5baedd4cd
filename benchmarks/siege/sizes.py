"""How long a siege is."""

from __future__ import annotations

import msgspec


class Size(msgspec.Struct, frozen=True):
    requests: int = 100_000
    warm_up: int = 10_000
    clients: int = 20
    malformed: float = 0.01
    idle: int = 11_000
    cap: int = 10_000
    slow: int = 200
    heads: int = 500
    examples: int = 100
    """Of each operation that is fuzzed."""
    drift: float = 0.10
    """What memory may grow by after the warm-up."""


SHORT = Size(requests=1_500, warm_up=300, clients=8, malformed=0.2, idle=150, cap=100, slow=20, heads=20, examples=3)
"""Everything that is counted, and more of what is malformed; nothing about memory, which so little says nothing about."""
