"""The street: every path the gateway answers, and what happens when nothing else did."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.routing import BaseRoute, Mount, Route, Router, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.server.compression import Compression
from gateway.server.cors import Cors
from gateway.server.edge import Edge, NotFound
from gateway.server.explain import Explain
from gateway.server.graphql import GraphQL
from gateway.server.health import livez, readyz
from gateway.server.hold import Hold
from gateway.server.house import Front, House
from gateway.server.joins import Joins
from gateway.server.measured import Measured
from gateway.server.metrics import Metrics, MetricsPage
from gateway.server.negotiation import Media
from gateway.server.page import ASSETS, BUNDLE, Assets, page
from gateway.server.reload import Reload, Reloaded
from gateway.server.reply import Saying
from gateway.server.status import Status, process_status
from gateway.server.view import Streams

GRAPHQL = "/graphql"


def street(
    house: House,
    front: Front = Front(),
    *,
    public: frozenset[str] = frozenset(),
    bundle: Path = BUNDLE,
    metrics: Metrics | None = None,
) -> ASGIApp:
    """The application on the public address. `public` names what of the admin address is served here too."""
    graphql = _dressed(GraphQL(house, {Media.PAGE: Saying(lambda: page(bundle))}, front), front)
    routes: list[BaseRoute] = [
        Route(GRAPHQL, graphql),
        *([Route("/graphql/persisted/{id}", graphql)] if front.documents is not None else []),
        *([WebSocketRoute(GRAPHQL, Streams(house, front))] if front.live is not None else []),
        Mount(ASSETS, Assets(bundle)),
        *_health(house),
    ]
    if "status" in public:
        routes += _status(house, public=True)
    if "metrics" in public and metrics is not None:
        routes.append(Route("/metrics", MetricsPage(metrics)))
    return _application(house, routes, graphql)


def _dressed(graphql: ASGIApp, front: Front) -> ASGIApp:
    """The endpoint in what is configured around it; what is off is absent."""
    if front.compress:
        graphql = Compression(front.compress, graphql)
    if front.cors is not None:
        graphql = Cors(front.cors, graphql)
    return Measured(front.watch, graphql) if front.watch is not None else graphql


def backyard(house: House, reload: Callable[[], Awaitable[Reloaded]] | None = None, metrics: Metrics | None = None) -> ASGIApp:
    """The application on the admin address. `reload` reads the configuration again."""
    process = Route("/process.json", Saying(lambda: process_status(house)))
    explain = Route("/explain/{wanted}", Explain(house)), Route("/process/explain/{wanted}", Explain(house, alone=True))
    joins = Route("/joins.json", Joins(house)), Route("/process/joins.json", Joins(house, alone=True))
    holds = (
        Route("/sources/{name}/hold", Hold(house, release=False)),
        Route("/sources/{name}/release", Hold(house, release=True)),
    )
    again = [Route("/reload", Reload(reload))] if reload is not None else []
    return _application(
        house, [*_health(house), *_status(house, public=False), process, *explain, *joins, *holds, *again, *_metrics(metrics)]
    )


def _metrics(metrics: Metrics | None) -> Sequence[BaseRoute]:
    if metrics is None:
        return ()
    return Route("/metrics", MetricsPage(metrics)), Route("/metrics.json", Saying(metrics.snapshot))


def _health(house: House) -> Sequence[BaseRoute]:
    return Route("/livez", Saying(livez)), Route("/readyz", Saying(lambda: readyz(house)))


def _status(house: House, *, public: bool) -> Sequence[BaseRoute]:
    return Route("/status", Status(house, public=public)), Route("/status.json", Status(house, page=False, public=public))


def _application(house: House, routes: Sequence[BaseRoute], graphql: ASGIApp | None = None) -> ASGIApp:
    router = Router(routes, redirect_slashes=False, default=NotFound(house))
    return Edge(house, router if graphql is None else Main(graphql, router))


class Main:
    """Nearly every request is for one path: no routes are tried for it."""

    def __init__(self, graphql: ASGIApp, router: ASGIApp) -> None:
        self._graphql = graphql
        self._router = router

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        main = scope["type"] == "http" and scope["path"] == GRAPHQL
        return (self._graphql if main else self._router)(scope, receive, send)
