"""The REST service both contenders read: raw ASGI, every body computed before the first request.

python -m benchmarks.upstream PORT
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from benchmarks.posts import AUTHORS, PAGES, page_bytes, users_bytes

JSON = [(b"content-type", b"application/json")]


async def app(scope: dict[str, Any], _receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]) -> None:
    status, body = read(scope["path"], scope["query_string"].decode("ascii"))
    await send({"type": "http.response.start", "status": status, "headers": [*JSON, (b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def read(path: str, query: str) -> tuple[int, bytes]:
    """`/posts?page=N`, `/users?id=1&id=2`, `/users/N`."""
    values = [part.partition("=")[2] for part in query.split("&") if part]
    if path == "/posts":
        return 200, page_bytes(int(values[0]) % PAGES if values else 0)
    if path == "/users":
        return 200, users_bytes(map(int, values))
    if path.startswith("/users/"):
        return 200, users_bytes([int(path.removeprefix("/users/"))])[1:-1]
    return 404, b"{}"


def main() -> None:
    for number in range(PAGES):
        page_bytes(number)
    users_bytes(range(1, PAGES * AUTHORS + 1))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False, lifespan="off")


if __name__ == "__main__":
    main()
