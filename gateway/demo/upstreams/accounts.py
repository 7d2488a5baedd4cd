"""The accounts service: GraphQL, read by introspection.

python -m gateway.demo.upstreams.accounts --port 8102
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from gateway.demo.upstreams.faults import Fault
from gateway.demo.upstreams.graphql_service import service
from gateway.demo.upstreams.people import people
from gateway.demo.upstreams.service import run

SDL = Path(__file__).with_name("accounts.graphql")


def app(fault: Fault) -> Starlette:
    rows = people()
    by_id = {row["id"]: row for row in rows}

    def users(_info: Any, first: int, offset: int) -> list[dict[str, Any]]:
        return rows[offset : offset + first]

    def users_by_ids(_info: Any, ids: Sequence[str]) -> list[dict[str, Any]]:
        return [by_id[key] for key in ids if key in by_id]

    return service(SDL, {"users": users, "user": lambda _info, id: by_id.get(id), "usersByIds": users_by_ids}, fault)


if __name__ == "__main__":
    run("accounts", app)
