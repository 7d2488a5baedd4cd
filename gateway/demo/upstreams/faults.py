"""Ways a service breaks, on request. Schema documents stay readable, as they mostly do when a real service breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from starlette.responses import HTMLResponse, JSONResponse, Response

MODES = ("down", "slow", "500", "garbage", "flaky")
"""down: does not listen · slow: answers past any time-out · 500: problem+json · garbage: HTML with 200 · flaky: fails every
second call."""

SLOW = 20.0
"""Seconds."""

Fault = Callable[[], Awaitable[Response | None]]
"""Asked before each read: the answer of a broken service, or None for a healthy one."""


def fault(mode: str | None, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Fault:
    calls = count(1)

    async def broken() -> Response | None:
        if mode == "slow":
            await sleep(SLOW)
        if mode == "500" or (mode == "flaky" and next(calls) % 2):
            return problem(500, "The service lost its database", "connection pool exhausted after 30 s")
        if mode == "garbage":
            return HTMLResponse("<!doctype html><title>Welcome</title><h1>It works!</h1>")
        return None

    return broken


def problem(status: int, title: str, detail: str) -> Response:
    """An RFC 9457 problem document."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")
