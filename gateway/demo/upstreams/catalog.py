"""The catalog service: REST, described by the OpenAPI document it serves.

python -m gateway.demo.upstreams.catalog --port 8101
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.demo.upstreams.faults import Fault, problem
from gateway.demo.upstreams.goods import goods
from gateway.demo.upstreams.service import run

DOCUMENT = Path(__file__).with_name("catalog.openapi.json")
BATCH = 100
"""Products that one batch read may ask for."""

Row = dict[str, Any]
Read = Callable[[Request], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def app(fault: Fault) -> Starlette:
    categories, products = goods()
    reads = {
        "/categories": lambda _request: JSONResponse(categories),
        "/categories/{slug}": lambda request: _one(categories, "slug", request.path_params["slug"]),
        "/products": lambda request: _page(products, request),
        "/products/batch": lambda request: _batch(products, request),
        "/products/{id}": lambda request: _one(products, "id", request.path_params["id"]),
    }
    return Starlette(
        routes=[Route("/openapi.json", _document), *(Route(path, _guarded(read, fault)) for path, read in reads.items())]
    )


async def _document(_request: Request) -> Response:
    return Response(DOCUMENT.read_bytes(), media_type="application/json")


def _guarded(read: Read, fault: Fault) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if broken := await fault():
            return broken
        try:
            return read(request)
        except ValueError as error:
            return problem(400, "The request could not be understood", str(error))

    return endpoint


def _one(rows: list[Row], key: str, wanted: str) -> Response:
    for row in rows:
        if str(row[key]) == wanted:
            return JSONResponse(row)
    return problem(404, "Not found", f"nothing here has {key} {wanted}")


def _page(products: list[Row], request: Request) -> Response:
    limit, offset = _number(request, "limit", 20, BATCH), _number(request, "offset", 0, 1_000_000)
    category = request.query_params.get("category")
    found = [row for row in products if category in (None, row["category"]["slug"])]
    return JSONResponse({"items": found[offset : offset + limit], "total": len(found), "limit": limit, "offset": offset})


def _batch(products: list[Row], request: Request) -> Response:
    wanted = {int(number) for number in request.query_params.getlist("id")}
    if not 1 <= len(wanted) <= BATCH:
        raise ValueError(f"ask for 1 to {BATCH} ids")
    return JSONResponse([row for row in products if row["id"] in wanted])


def _number(request: Request, name: str, default: int, most: int) -> int:
    number = int(request.query_params.get(name, default))
    if not 0 <= number <= most:
        raise ValueError(f"{name} must be 0 to {most}")
    return number


if __name__ == "__main__":
    run("catalog", app)
