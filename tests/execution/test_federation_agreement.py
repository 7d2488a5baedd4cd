"""Whatever federation composes, every query of it is planned, and is answered as one server over all of its data would."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from graphql import GraphQLSchema, build_ast_schema, graphql_sync
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.composition import Supergraph, compose
from gateway.composition.joined import print_supergraph
from gateway.engine import Engine, Limits
from gateway.sources.document import Document
from gateway.sources.supergraph import subgraphs
from gateway.upstream.call import Call, HeaderRules, Reply, Sends
from tests.execution.choices import Choices, bounded
from tests.execution.federations import Federation
from tests.execution.queries import a_query
from tests.federated import Federated, source, together
from tests.graphs import GATEWAY_OWNER, answer

UNBOUNDED = Limits(depth=0, upstream_calls=0, tokens=0, aliases=0)


def answered(supergraph: Supergraph, query: str, variables: Any) -> str:
    engine = Engine(supergraph, owner=GATEWAY_OWNER, limits=UNBOUNDED)
    return asyncio.run(answer(engine, query, variables)).body.decode()


def whole(supergraph: Supergraph) -> GraphQLSchema:
    """The schema of one server that has it all."""
    return build_ast_schema(supergraph.document, assume_valid_sdl=True)


def as_one(services: list[Federated], supergraph: Supergraph) -> Supergraph:
    """The same graph, printed as a supergraph and read again."""
    by_url = {f"http://{s.name}.example.com/graphql": s for s in services}

    async def send(call: Call) -> Reply:
        return await by_url[call.url].send(call)

    document = Document(print_supergraph(supergraph).encode(), "supergraph.graphql")
    return compose(subgraphs(source("all", "supergraph"), document, Sends(send, send, lambda s: s, HeaderRules())))


@bounded(60)
@given(st.data())
def test_what_composes_is_planned_and_answered_as_one_server_would(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    federation = Federation(choices)
    services = list(federation.services())
    note("\n\n".join(f"# {s.name}\n{s.sdl}" for s in services))
    supergraph = together(*services)
    query, variables = a_query(supergraph.schema, choices)
    note(query)
    expected = graphql_sync(whole(supergraph), query, federation.root_data, variable_values=dict(variables))
    assert expected.errors is None, expected.errors
    wanted = json.dumps({"data": expected.data})
    assert json.dumps(json.loads(answered(supergraph, query, variables))) == wanted
    assert json.dumps(json.loads(answered(as_one(services, supergraph), query, variables))) == wanted
