"""What replicas let each other know: that a source fails for one of them.

A hint opens no circuit. It makes the others look closely: of their own calls from then on, the first that fails may be enough.
Who cannot be reached is not heard, and every replica is as good as it is alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from gateway.app.line import Line
from gateway.upstream.layers.breaker import Breaker
from gateway.upstream.layers.cache.shared import SharedCopies

ME = os.urandom(8)
"""This process among all replicas."""
EVERY = 1.0
LIVES = 3.0
"""Seconds between two looks, and for which a hint is heard: it is given again for as long as the circuit is open."""


async def exchange(copies: SharedCopies, lines: Iterable[Line], me: bytes = ME) -> None:
    """Tell the others of circuits that are open here, and hear of those that are open there."""
    for key, breaker in hinted(lines):
        if breaker.opened is not None:
            copies.note(key, me, LIVES)
        else:
            breaker.warn((await copies.look(key) or me) != me)


def hinted(lines: Iterable[Line]) -> Iterator[tuple[tuple[str, ...], Breaker]]:
    """By what is the same in all replicas: the source's name and address."""
    for line in lines:
        policy, circuits = line.source.policy.circuit_breaker, line.data.breaker
        if policy is not None and policy.hint and circuits is not None and circuits.whole is not None:
            yield ("open", line.source.name, line.source.url or ""), circuits.whole
