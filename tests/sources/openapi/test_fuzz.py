"""Whatever a document says: no crash, and a schema that validates."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from graphql import VariableNode, build_schema, print_ast
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import UpstreamBlocked
from gateway.sources.base import Argument, Case, Fetch, Field, Selection
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.reading import Unusable, read
from gateway.upstream.call import Request
from tests.sources.openapi.documents import JUNK, NAMES, Maker
from tests.sources.openapi.world import a_subgraph, schema_of, sdl

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=5,
)
SEEDS = st.integers(0, 2**32)
VALUES: list[Any] = [{}, {"a": 1}, {"a": "x", "b": {}}, [], [{}], "x", 1, 1.5, None, True]


@settings(max_examples=250, deadline=None)
@given(SEEDS)
def test_a_document_of_any_content_becomes_a_valid_schema(seed: int) -> None:
    graph = a_subgraph(Maker(seed).document())
    if not graph.types["Query"].fields:  # type: ignore[attr-defined]
        return
    schema_of(graph)
    build_schema(sdl(graph, *graph.types))
    sdl(graph, *graph.types, origins=True).encode()


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_every_value_is_told_apart_or_refused(seed: int) -> None:
    graph = a_subgraph(Maker(seed).document())
    for name, dispatch in graph.wire.dispatch.items():
        assert name in graph.types
        assert set(dispatch.mapping.values()) <= set(graph.types)
        for value in VALUES:
            assert dispatch.resolve is None or dispatch.resolve(value) in (None, *graph.types)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_what_is_built_is_the_same_each_time(seed: int) -> None:
    document = Maker(seed).document()
    one, other = a_subgraph(document), a_subgraph(document)
    assert [print_ast(node) for node in one.types.values()] == [print_ast(node) for node in other.types.values()]
    assert (one.origins, one.diagnostics) == (other.origins, other.diagnostics)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_what_is_exposed_looks_as_it_does_in_the_whole(seed: int) -> None:
    document = Maker(seed).document()
    whole = a_subgraph(document)
    names = [field.name.value for field in whole.types["Query"].fields]  # type: ignore[attr-defined]
    for name in names:
        part = a_subgraph(document, expose=(name,))
        schema_of(part)
        assert set(part.types) <= set(whole.types) or any(
            "_2" in each or "_Input" in each for each in {*part.types, *whole.types}
        )


@settings(max_examples=150, deadline=None)
@given(SEEDS, st.data())
def test_any_values_become_a_call_or_are_refused(seed: int, data: st.DataObject) -> None:
    graph = a_subgraph(Maker(seed).document())
    for field in graph.types["Query"].fields:  # type: ignore[attr-defined]
        given_to = [Argument(each.name.value, VariableNode(name=each.name), type=each.type) for each in field.arguments or ()]
        asked = Field(field.name.value, field.name.value, field.type, tuple(given_to))
        fetch = Fetch(0, graph.name, Selection("Query", (Case(("Query",), (asked,)),)))
        values = data.draw(st.fixed_dictionaries({}, optional={each.name: ANYTHING for each in given_to}))
        prepared = graph.prepare(fetch)
        with suppress(UpstreamBlocked):
            (chunk,) = prepared.calls((), values, Request("req_1"), lambda reply: reply)
            assert chunk.call.url.isascii()
            assert set(chunk.call.url).isdisjoint(" \r\n")
            assert all(value.isascii() and set(value).isdisjoint("\r\n") for _, value in chunk.call.headers)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with suppress(Unusable):
        read(text, "d", Fidelity())


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["info", "servers", "components", "security", "externalDocs", "tags"]), st.sampled_from(JUNK))
def test_junk_in_the_document_itself_is_borne(key: str, value: Any) -> None:
    schema_of(a_subgraph(Maker(1).document() | {key: value}))
