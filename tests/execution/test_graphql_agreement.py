"""A GraphQL source: whatever it sends, both readers and graphql-core make the same of it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import given, note
from hypothesis import strategies as st

from gateway.config.model import Prefix
from gateway.errors import UpstreamFailed
from gateway.upstream.call import Call, Reply
from tests.execution.agreement import Ids, agrees, an_engine, both_ways
from tests.execution.choices import Choices, bounded
from tests.execution.oracle import Oracle, root_of_reply
from tests.execution.queries import a_query
from tests.execution.replies import graphql_reply
from tests.execution.schemas import a_model
from tests.graphs import Service, answer

JSON = {"content-type": "application/json"}


class Upstream(Service):
    """Answers with the one reply that was made for it; until then it only remembers the question."""

    reply: bytes | None = None
    question: bytes | None = None

    async def send(self, call: Call) -> Reply:
        self.question = call.body
        if self.reply is None:
            raise UpstreamFailed("has no reply yet")
        return call.verify(Reply(200, JSON, self.reply))

    def think(self, choices: Choices) -> None:
        if self.question is not None:
            asked: dict[str, Any] = msgspec.json.decode(self.question)
            self.reply = graphql_reply(self.schema, asked["query"], asked.get("variables"), choices)


def a_prefix(upstream: Upstream) -> Prefix:
    """New names for all object types and abstract types that clients can see; undone on the wire."""
    seen = [name for name in upstream.subgraph().types if name[0] in "TIU" and name[1:].isdigit()]
    return Prefix.model_construct(types="P_", only=tuple(seen))


@bounded(200)
@given(st.data())
def test_both_readers_and_graphql_core_make_the_same_of_a_reply(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    on_error = choices.of(("propagate", "null"))
    sdl = a_model(choices).sdl()
    upstream, ids = Upstream("upstream", sdl), Ids()
    if choices.chance(20):
        upstream.keys["prefix"] = a_prefix(upstream)
    engine = an_engine(upstream.subgraph(), ids, on_error=on_error)
    query, variables = a_query(engine.supergraph.schema, choices)
    note(f"{sdl}\n\n{query}")
    asyncio.run(answer(engine, query, variables))
    upstream.think(choices)
    note(f"{upstream.question!r}\n{upstream.reply!r}")
    body = both_ways(engine, ids, query, variables)
    note(body.decode())
    root, loose = root_of_reply(upstream.reply)
    expected = Oracle(engine.supergraph.schema, engine.supergraph.subgraphs["upstream"].wire).execute(
        query, variables, root, on_error
    )
    agrees(body, expected, loose)
