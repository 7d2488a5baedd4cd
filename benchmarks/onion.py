"""What the layers of one source cost: CPU microseconds per call, over a transport that answers at once."""

from __future__ import annotations

import asyncio
from time import process_time
from typing import Any

from gateway.config.model import Policy
from gateway.upstream.call import Call, Reply, Request, Send
from gateway.upstream.layers.cache import Store
from gateway.upstream.onion import Shared, SourceState, client_for, onion

CALLS = 20_000
REPEATS = 7
POLICIES: dict[str, dict[str, Any]] = {
    "nothing but the transport": {},
    "default policy, no cache": {"cache": None},
    "default policy, every answer a hit": {},
    "default policy, every answer a miss": {"cache": {"stale_if_error": 60.0}},
    "hedge on, no cache": {"cache": None, "hedge": {"after": "p95"}},
}


async def _answer(_call: Call) -> Reply:
    return Reply(status=200, headers={"content-type": "application/json", "cache-control": "max-age=60"}, body=b"{}")


def _send(name: str) -> Send:
    if name.startswith("nothing"):
        return _answer
    policy = Policy.model_validate(POLICIES[name])
    shared = Shared(store=Store(64 * 1024 * 1024))
    return onion(policy, _answer, SourceState("source", policy, client_for(policy), shared), shared)


def _call(number: int) -> Call:
    url = f"http://source.test/{number}"
    return Call("GET", url, (("accept", "application/json"),), None, "GET /", Request(id="req_1"), lambda reply: reply)


async def _spent(send: Send, same: bool) -> float:
    calls = [_call(0 if same else number) for number in range(CALLS)]
    await send(calls[0])
    began = process_time()
    for call in calls:
        await send(call)
    return (process_time() - began) / CALLS * 1e6


def measure() -> dict[str, float]:
    """By policy, the best of several runs, in microseconds."""
    return {name: round(min(asyncio.run(_spent(_send(name), "a hit" in name)) for _ in range(REPEATS)), 2) for name in POLICIES}


def main() -> None:
    for name, spent in measure().items():
        print(f"{spent:7.2f} µs  {name}")


if __name__ == "__main__":
    main()
