"""The field `_gateway`: whose the sources are and how they are, as part of the API. A source in this process like any other.

Its types are Python classes; what they say is read from the house at the moment it is asked, and never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Protocol

import strawberry
from strawberry.types import ExecutionResult

from gateway.composition import Supergraph
from gateway.config.model import Schema, Settings, Source
from gateway.engine import Engine
from gateway.errors import Owner
from gateway.sources.base import Subgraph
from gateway.sources.document import Document
from gateway.sources.graphql import subgraph
from gateway.sources.graphql.prepare import Post
from gateway.sources.local import Asked, in_process, restore_one_of
from gateway.upstream.call import HeaderRules

NAME = "gateway"
OTHER_NAME = "signpost-gateway"
"""Where a source is called `gateway` already."""


class Told(Protocol):
    """What is asked of the house."""

    @property
    def engine(self) -> Engine | None: ...

    async def whole_status(self) -> dict[str, Any]: ...


# ---------------------------------------------------------------- the types


@strawberry.type(name="SignpostContact", description="How to reach a team.")
class Contact:
    email: str | None
    chat: str | None
    phone: str | None
    url: str | None
    hours: str | None


@strawberry.type(name="SignpostOwner", description="Who answers for a source.")
class OwnerOf:
    team: str
    url: str | None
    docs: str | None
    status_page: str | None
    contact: Contact
    origin: str = strawberry.field(name="from", description="Where this is known from: config, openapi, sdl or catalog.")


@strawberry.type(name="SignpostFailure", description="A call that went wrong.")
class Failure:
    code: str
    message: str
    status: int | None
    at: str


@strawberry.type(name="SignpostState", description="How it is with a source at this moment.")
class State:
    breaker: str | None = strawberry.field(description="closed, open or half-open; null: it has none.")
    since: str | None = strawberry.field(description="When the circuit opened.")
    last_error: Failure | None
    queue: int = strawberry.field(description="Calls that wait for a free slot.")
    schema: str = strawberry.field(description="read from the service, a copy of what it once said, or missing.")


@strawberry.type(name="SignpostSurface", description="How much of a source is part of this API.")
class Surface:
    fields: int = strawberry.field(description="Root fields.")
    types: int


@strawberry.type(name="SignpostSource", description="A service this API reads from.")
class SourceOf:
    name: str
    kind: str
    url: str | None
    owner: OwnerOf
    state: State
    surface: Surface


@strawberry.type(name="SignpostField", description="Where a field of this API comes from.")
class FieldOf:
    coordinate: str
    source: SourceOf
    sources: list[SourceOf] = strawberry.field(description="All that offer it; `source` is the first.")
    path: str | None = strawberry.field(description="What is asked at the source, as far as its document says.")


@strawberry.type(name="SignpostChange", description="A change of a source's schema that was noticed.")
class Change:
    at: str
    source: str
    owner: OwnerOf
    criticality: str = strawberry.field(description="breaking, dangerous or safe.")
    coordinate: str
    message: str
    state: str = strawberry.field(description="applied, staged, rejected, or seen in an answer.")


@strawberry.type(name="Signpost", description="This gateway: its sources and who answers for them.")
class About:
    told: strawberry.Private[Told]

    @strawberry.field
    async def sources(self) -> list[SourceOf]:
        return await _sources(self.told)

    @strawberry.field(description="Whose a field is, by its schema coordinate, such as Product.price.")  # type: ignore[untyped-decorator]  # Strawberry's
    async def field(self, coordinate: str) -> FieldOf | None:
        engine = self.told.engine
        return _field(coordinate, engine.supergraph, await _sources(self.told)) if engine is not None else None

    @strawberry.field(description="Everyone who answers for something here, once each.")  # type: ignore[untyped-decorator]  # Strawberry's
    async def owners(self) -> list[OwnerOf]:
        status = await self.told.whole_status()
        blocks = [status["owner"], *(each["owner"] for each in status["sources"])]
        return [_owner(block) for n, block in enumerate(blocks) if block not in blocks[:n]]

    @strawberry.field(description="The latest changes of the sources' schemas, newest first.")  # type: ignore[untyped-decorator]  # Strawberry's
    async def changes(self, first: int = 50) -> list[Change]:
        status = await self.told.whole_status()
        owners = {each["name"]: each["owner"] for each in status["sources"]}
        return [_change(each, owners) for each in status.get("changes", ())[: max(0, min(first, 500))]]


@strawberry.type(name="Query")
class Query:
    @strawberry.field(name="_gateway", description="This gateway: its sources, how they are, and who answers for them.")  # type: ignore[untyped-decorator]  # Strawberry's
    def gateway(self, info: strawberry.Info) -> About:
        return About(told=info.context["told"])


# ---------------------------------------------------------------- as a source


def about(settings: Settings, told: Told | None) -> Subgraph:
    """The field as a subgraph. `told` None: only its types are wanted. Nothing is cached, and no layer stands between."""
    schema = _schema()

    async def execute(asked: Asked, context: Mapping[str, Any]) -> ExecutionResult:
        context = {**context, "told": told}
        result = await schema.execute(asked.query, variable_values=asked.variables, context_value=context)
        assert isinstance(result, ExecutionResult)  # a query is never a stream
        return result

    owner = settings.gateway.owner
    name = NAME if all(source.name != NAME for source in settings.sources) else OTHER_NAME
    source = Source(name, "local", Schema.model_construct(from_="python:gateway.app.about:schema"), owner)
    post = Post(owner.url or NAME, HeaderRules())
    return subgraph(source, Document(schema.as_str().encode(), NAME), post, in_process(execute))


@lru_cache(maxsize=1)
def _schema() -> strawberry.Schema:
    schema = strawberry.Schema(query=Query)
    restore_one_of()
    return schema


# ---------------------------------------------------------------- from what the house says


async def _sources(told: Told) -> list[SourceOf]:
    engine = told.engine
    subgraphs = engine.supergraph.subgraphs if engine is not None else {}
    return [_source(each, subgraphs.get(each["name"])) for each in (await told.whole_status())["sources"]]


def _source(status: Mapping[str, Any], loaded: Subgraph | None) -> SourceOf:
    opened, failure = status.get("opened"), status.get("last_failure")
    last = _failure(failure) if failure else None
    state = State(
        breaker=status.get("breaker"),
        since=moment(opened["since"]) if opened else None,
        last_error=last,
        queue=status.get("queued", 0),
        schema=status["schema"],
    )
    return SourceOf(
        name=status["name"],
        kind=status["kind"],
        url=status["url"],
        owner=_owner(status["owner"]),
        state=state,
        surface=Surface(fields=_roots(loaded), types=len(loaded.types) if loaded else 0),
    )


def _failure(failure: Mapping[str, Any]) -> Failure:
    return Failure(code=failure["code"], message=failure["said"], status=failure["status"], at=moment(failure["at"]))


def _roots(loaded: Subgraph | None) -> int:
    return len(getattr(loaded.types[loaded.query], "fields", None) or ()) if loaded else 0


def _owner(block: Mapping[str, Any]) -> OwnerOf:
    """Never its `internal` part: this is the consumers' API."""
    contact = {way: block.get("contact", {}).get(way) for way in ("email", "chat", "phone", "url", "hours")}
    told = {name: block.get(name) for name in ("url", "docs", "status_page")}
    return OwnerOf(team=block["team"], contact=Contact(**contact), origin=block["from"], **told)


def _change(change: Mapping[str, Any], owners: Mapping[str, Any]) -> Change:
    named = {name: change[name] for name in ("source", "criticality", "coordinate", "message", "state")}
    owner = _owner(owners.get(change["source"]) or Owner("").shown())
    return Change(at=moment(change["at"]), owner=owner, **named)


def _field(coordinate: str, supergraph: Supergraph, sources: Sequence[SourceOf]) -> FieldOf | None:
    type_name, _, name = coordinate.partition("(")[0].partition(".")
    graph = supergraph.graph
    if link := graph.links.get((type_name, name)):
        having: Iterable[str] = (link.subgraph,)
        path: str | None = f"{link.subgraph}: {link.via}"
    else:
        having = tuple(graph.fields.get((type_name, name), ()))
        path = next((text for each in having if (text := supergraph.subgraphs[each].origins.get(f"{type_name}.{name}"))), None)
    found = [source for each in having for source in sources if source.name == each]
    return FieldOf(coordinate=coordinate, source=found[0], sources=found, path=path) if found else None


def moment(at: float) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
