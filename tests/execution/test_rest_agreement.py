"""A REST source: another spelling of the same values, and the same agreement."""

from __future__ import annotations

from typing import Any

from graphql import print_ast
from hypothesis import given, note
from hypothesis import strategies as st

from tests.execution.agreement import Ids, agrees, an_engine, both_ways
from tests.execution.choices import Choices, bounded
from tests.execution.oracle import Oracle, parse_body
from tests.execution.queries import a_query
from tests.execution.rest import a_rest


@bounded(200)
@given(st.data())
def test_both_readers_and_graphql_core_make_the_same_of_a_rest_reply(data: st.DataObject) -> None:
    choices = Choices(data.draw)
    on_error = choices.of(("propagate", "null"))
    service, ids = a_rest(choices), Ids()
    engine = an_engine(service.subgraph(), ids, on_error=on_error)
    query, variables = a_query(engine.supergraph.schema, choices)
    note(f"{service.model.sdl()}\n\n{service.wire}\n\n{query}")

    def root(info: Any, _arguments: Any) -> Any:
        (node, *_) = info.field_nodes
        written = " ".join(f"{a.name.value}={print_ast(a.value)}" for a in node.arguments or ())
        return parse_body(service.reply(f"/{info.field_name} {written}".strip(), info.field_name))

    expected = Oracle(engine.supergraph.schema, service.wire).execute(query, variables, root, on_error)
    note(str(service.replies))
    body = both_ways(engine, ids, query, variables)
    note(body.decode())
    agrees(body, expected)
