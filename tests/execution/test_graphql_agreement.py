"""A GraphQL source: whatever it sends, both readers and graphql-core make the same of it."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.upstream.call import Call, Reply
from tests.execution.agreement import Ids, agrees, an_engine, both_ways
from tests.execution.choices import Choices, bounded
from tests.execution.oracle import Oracle, root_of_reply
from tests.execution.queries import a_query
from tests.execution.replies import graphql_reply
from tests.execution.schemas import a_model
from tests.graphs import Service

JSON = {"content-type": "application/json"}


class Upstream(Service):
    """Answers each different question with one generated reply."""

    def __init__(self, sdl: str, choices: Choices) -> None:
        super().__init__("upstream", sdl)
        self.choices = choices
        self.replies: dict[bytes, bytes] = {}

    async def send(self, call: Call) -> Reply:
        assert call.body is not None
        if call.body not in self.replies:
            body: dict[str, Any] = msgspec.json.decode(call.body)
            self.replies[call.body] = graphql_reply(self.schema, body["query"], body.get("variables"), self.choices)
        return call.verify(Reply(200, JSON, self.replies[call.body]))


@bounded(200)
@given(st.data())
def test_both_readers_and_graphql_core_make_the_same_of_a_reply(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    sdl = a_model(choices).sdl()
    upstream, ids = Upstream(sdl, choices), Ids()
    engine = an_engine(upstream.subgraph(), ids)
    query, variables = a_query(engine.supergraph.schema, choices)
    note(f"{sdl}\n\n{query}")
    body = both_ways(engine, ids, query, variables)
    note(f"{upstream.replies}\n\n{body.decode()}")
    (raw,) = upstream.replies.values() or (None,)
    root, loose = root_of_reply(raw)
    expected = Oracle(engine.supergraph.schema, engine.supergraph.subgraphs["upstream"].wire).execute(query, variables, root)
    agrees(body, expected, loose)
