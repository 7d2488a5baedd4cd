"""The reviews service: GraphQL, its SDL file given to the gateway.

python -m gateway.demo.upstreams.reviews --port 8103
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from gateway.demo.upstreams.faults import Fault
from gateway.demo.upstreams.graphql_service import Resolvers, service
from gateway.demo.upstreams.opinions import opinions
from gateway.demo.upstreams.service import run

SDL = Path(__file__).with_name("reviews.graphql")

Row = dict[str, Any]
ORDERS: dict[str, Callable[[Row], Any]] = {
    "NEWEST": lambda row: row["writtenAt"],
    "HIGHEST_RATED": lambda row: (row["rating"], row["writtenAt"]),
    "MOST_HELPFUL": lambda row: (row["helpfulVotes"], row["writtenAt"]),
}


def app(fault: Fault) -> Starlette:
    return service(SDL, _resolvers(opinions()), fault)


def _resolvers(rows: list[Row]) -> Resolvers:
    by_id = {row["id"]: row for row in rows}
    products, authors = _grouped(rows, "productId"), _grouped(rows, "authorId")
    return {
        "reviews": lambda _info, first, offset, sort: _sorted(rows, sort)[offset : offset + first],
        "review": lambda _info, id: by_id.get(id),
        "reviewsOf": lambda _info, productId, first, sort: _sorted(products.get(productId, []), sort)[:first],
        "reviewsOfMany": lambda _info, productIds, first, sort: _many(products, productIds, first, sort),
        "reviewsBy": lambda _info, userId, first, sort: _sorted(authors.get(userId, []), sort)[:first],
        "reviewsByMany": lambda _info, userIds, first, sort: _many(authors, userIds, first, sort),
    }


def _grouped(rows: Sequence[Row], key: str) -> Mapping[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[key]].append(row)
    return dict(groups)


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    return sorted(rows, key=ORDERS[sort], reverse=True)


def _many(groups: Mapping[str, list[Row]], keys: Sequence[str], first: int, sort: str) -> dict[str, list[Row]]:
    return {"items": [row for key in keys for row in _sorted(groups.get(key, []), sort)[:first]]}


if __name__ == "__main__":
    run("reviews", app)
