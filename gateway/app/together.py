"""The status of several workers as that of one gateway: counts added up, and of each state the worst that any of them is in.

Each worker has circuits, queues and figures of its own. What a person wants to know is how the source is, not how one process
sees it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from gateway.app.joined import together
from gateway.app.siblings import ask_all, sockets
from gateway.upstream.meter import quantile

PATH = "/process.json"
STORIES = "/process/explain/"
JOINS = "/process/joins.json"
KEPT = 1.0
"""Seconds for which what was heard is used again: asking costs every worker something, and anyone may ask."""
WORST = {
    "breaker": (None, "closed", "half-open", "open"),
    "schema": ("read", "copy", "missing"),
}
ADDED = ("open_calls", "orphans", "queued", "limit", "shed", "reruns")
Facts = Mapping[str, Any]
Own = Callable[[], dict[str, Any]]


class Together:
    """`own` tells of this process. `socket`: its control socket, where it is one of several workers."""

    def __init__(
        self, own: Callable[[], dict[str, Any]], socket: Path | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._own = own
        self._socket = socket
        self._clock = clock
        self._asking: asyncio.Task[list[Facts]] | None = None
        self._heard: list[Facts] = []
        self._until = 0.0

    async def status(self) -> dict[str, Any]:
        """Of all workers that answer."""
        others = await self._others() if self._socket is not None else []
        own = self._own()
        return merged([own, *others]) if others else own

    async def story(self, wanted: str) -> dict[str, Any] | None:
        """What another worker knows of a failing request."""
        answers = await ask_all(sockets(self._socket), f"{STORIES}{quote(wanted, safe='')}") if self._socket is not None else []
        found = (told["story"] for each in answers if isinstance(told := msgspec.json.decode(each), dict) and told.get("story"))
        return next(found, None)

    async def joins(self, own: Facts) -> dict[str, Any]:
        """What all workers counted, added up."""
        answers = await ask_all(sockets(self._socket), JOINS) if self._socket is not None else []
        told = [own, *(found for each in answers if isinstance(found := msgspec.json.decode(each), dict))]
        return together(told)

    async def _others(self) -> list[Facts]:
        """Asked once for all who want to know at the same time."""
        if self._clock() < self._until:
            return self._heard
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> list[Facts]:
        assert self._socket is not None  # asked only then
        answers = await ask_all(sockets(self._socket), PATH)
        self._heard = [told for answer in answers if isinstance(told := msgspec.json.decode(answer), dict)]
        self._until = self._clock() + KEPT
        return self._heard


def merged(statuses: Sequence[Facts]) -> dict[str, Any]:
    """The first one's, with the others'. Sources are matched by name: for a moment after a reload they may differ."""
    first = statuses[0]
    ready, draining = all(each["ready"] for each in statuses), any(each["draining"] for each in statuses)
    whole = {**first, "workers": len(statuses), "ready": ready, "draining": draining}
    whole["generation"] = max(each["generation"] for each in statuses)
    whole["sources"] = [_source(_named(statuses, "sources", "name", each["name"])) for each in first["sources"]]
    whole["events"] = [_address(_named(statuses, "events", "to", each["to"])) for each in first.get("events", ())]
    return whole


def _named(statuses: Iterable[Facts], part: str, by: str, name: str) -> list[Facts]:
    found = (next((each for each in status.get(part, ()) if each[by] == name), None) for status in statuses)
    return [each for each in found if each is not None]


def _source(parts: Sequence[Facts]) -> dict[str, Any]:
    whole = dict(parts[0])
    for key, order in WORST.items():
        whole[key] = max((each.get(key) for each in parts), key=order.index)
    whole |= {key: sum(each.get(key) or 0 for each in parts) for key in ADDED}
    whole["opened"] = _latest(parts, "opened", "since")
    for key in ("last_failure", "schema_failure"):
        whole[key] = _latest(parts, key, "at")
    for key in ("held", "hedge_after", "retry_tokens"):
        whole[key] = next((each[key] for each in parts if each.get(key) is not None), None)
    whole["omitted"] = any(each.get("omitted") for each in parts)
    traffic = [each["traffic"] for each in parts if each.get("traffic")]
    return whole | ({"traffic": _traffic(traffic)} if traffic else {})


def _latest(parts: Iterable[Facts], key: str, by: str) -> Any:
    return max((each[key] for each in parts if each.get(key)), key=lambda each: each[by], default=None)


def _traffic(parts: Sequence[Facts]) -> dict[str, Any]:
    """Quantiles cannot be added; the counts they come from can."""
    columns = ("series", "failures", "buckets")
    whole: dict[str, Any] = {key: [sum(values) for values in zip(*(each[key] for each in parts), strict=True)] for key in columns}
    whole |= {key: sum(each[key] for each in parts) for key in ("calls", "errors", "refused", "hits", "stale", "collapsed")}
    return whole | {"p50_ms": quantile(whole["buckets"], 0.5), "p95_ms": quantile(whole["buckets"], 0.95)}


def _address(parts: Sequence[Facts]) -> dict[str, Any]:
    counts = {key: sum(each[key] for each in parts) for key in ("waiting", "delivered", "failed", "dropped")}
    return {**parts[0], **counts, "last_failure": _latest(parts, "last_failure", "at")}
