"""Whatever a document says: no crash, and a schema that validates."""

from __future__ import annotations

from typing import Any

from graphql import build_schema, print_ast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.config.problem import ConfigError
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.reading import Unusable, read
from tests.sources.openapi.world import a_subgraph, schema_of, sdl

NAMES = st.sampled_from(["a", "b", "a-b", "a_b", "$ref", "__x", "", "名", "Query", "type", "true", "1"])
SHARED = st.sampled_from(["A", "B", "C-D", "C_D", "Query", "String"])
REFERENCES = st.sampled_from(
    [f"#/components/schemas/{name}" for name in ("A", "B", "C-D", "C_D", "Query", "Missing")]
    + ["#/components/schemas/A/properties/a", "#/paths/~1a/get", "#", "", "other.yaml", "#anchor"]
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null", "file", "nonsense"])
JUNK = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3) | st.lists(st.integers(), max_size=2)


def schemas(depth: int = 3) -> st.SearchStrategy[Any]:
    """Schemas with any keyword, often contradicting each other, sometimes of the wrong type."""
    leaf = st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, max_size=3),
            "format": st.sampled_from(["date", "int64", "uuid", "binary"]),
            "nullable": st.booleans() | JUNK,
            "enum": st.lists(st.sampled_from(["x", "x-y", "", "true", 1, 1.5, True, None]), max_size=4),
            "const": JUNK,
            "default": JUNK,
            "description": st.text(max_size=4) | JUNK,
            "maximum": st.integers(0, 2**40),
        },
    ) | st.builds(lambda reference: {"$ref": reference}, REFERENCES)
    if depth == 0:
        return leaf
    inner = schemas(depth - 1) | st.booleans() | JUNK
    composed = st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES,
            "properties": st.dictionaries(NAMES, inner, max_size=4) | JUNK,
            "required": st.lists(NAMES, max_size=3) | JUNK,
            "items": inner,
            "prefixItems": st.lists(inner, max_size=2),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(NAMES, inner, max_size=2),
            "allOf": st.lists(inner, max_size=3) | JUNK,
            "oneOf": st.lists(inner, max_size=3) | JUNK,
            "anyOf": st.lists(inner, max_size=3),
            "discriminator": st.fixed_dictionaries(
                {"propertyName": NAMES}, optional={"mapping": st.dictionaries(NAMES, REFERENCES, max_size=2)}
            )
            | JUNK,
            "writeOnly": st.booleans(),
            "readOnly": st.booleans(),
            "$ref": REFERENCES,
        },
    )
    return composed | leaf


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | JUNK,
        "in": st.sampled_from(["path", "query", "header", "cookie", "body", "nowhere"]),
        "required": st.booleans() | JUNK,
        "schema": schemas(2),
        "style": st.sampled_from(["form", "deepObject", "matrix", "nonsense"]),
        "explode": st.booleans() | JUNK,
        "content": st.dictionaries(
            st.sampled_from(["application/json", "text/plain"]), JUNK | st.just({"schema": {}}), max_size=2
        ),
        "deprecated": st.booleans(),
        "type": TYPES,
    },
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    def operation() -> Any:
        return {
            "operationId": draw(NAMES | JUNK),
            "parameters": draw(st.lists(PARAMETERS | JUNK, max_size=3) | JUNK),
            "responses": {draw(st.sampled_from(["200", "default"])): draw(_responses())},
        }

    paths = {path: {"get": operation()} for path in ("/a", "/b/{a}/{x}", "nonsense {")}
    shared = draw(st.dictionaries(SHARED, schemas(3) | JUNK, max_size=5))
    if draw(st.booleans()):
        return {"openapi": draw(st.sampled_from(["3.0.0", "3.1.0"])), "paths": paths, "components": {"schemas": shared}}
    return {"swagger": "2.0", "paths": paths, "definitions": shared}


def _responses() -> st.SearchStrategy[Any]:
    body = st.builds(lambda schema: {"content": {"application/json": {"schema": schema}}, "schema": schema}, schemas(3))
    return body | JUNK | st.builds(lambda reference: {"$ref": reference}, REFERENCES)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(documents())
def test_a_document_of_any_content_becomes_a_valid_schema_or_a_problem(document: dict[str, Any]) -> None:
    try:
        graph = a_subgraph(document)
    except ConfigError as error:
        assert error.problems
        return
    if not graph.types["Query"].fields:  # type: ignore[attr-defined]
        return
    schema_of(graph)
    build_schema(sdl(graph, *graph.types))
    sdl(graph, *graph.types, origins=True)
    for name, dispatch in graph.wire.dispatch.items():
        assert name in graph.types
        for value in ({}, {"a": 1}, [], "x", 1, None, True):
            assert dispatch.resolve is None or dispatch.resolve(value) in (None, *graph.types)
        assert set(dispatch.mapping.values()) <= set(graph.types)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    try:
        read(text, "d", Fidelity())
    except Unusable as error:
        assert str(error)


@settings(max_examples=100, deadline=None)
@given(documents(), st.sampled_from([("a",), ("get_a", "nonsense")]))
def test_what_is_built_is_the_same_each_time(document: dict[str, Any], expose: tuple[str, ...]) -> None:
    def built() -> Any:
        try:
            graph = a_subgraph(document, expose=expose)
        except ConfigError as error:
            return [problem.message for problem in error.problems]
        return [print_ast(node) for node in graph.types.values()], graph.origins, graph.diagnostics

    assert built() == built()
