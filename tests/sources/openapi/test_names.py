"""Names are kept where GraphQL allows, escaped where it does not, and never lost (rules N1-N9, R1-R4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sources.openapi.names import distinct, escape, escape_value, legal, path_name, token, tokens
from tests.sources.openapi.world import a_subgraph, answering, codes, field_type, sdl, url


@pytest.mark.parametrize("name", ["true", "type", "Query", "_links", "a1", "_"])
def test_a_legal_name_is_unchanged(name: str) -> None:
    assert escape(name) == name


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("+1", "_plus_1"),
        ("-1", "_minus_1"),
        ("a+", "a_plus_"),
        ("first-name", "first_name"),
        ("@type", "_type"),
        ("$ref", "_ref"),
        ("odata.type", "odata_type"),
        ("1st", "_1st"),
        ("__typename", "_typename"),
        ("__", "_"),
        ("", "_empty"),
        ("naïve", "naive"),
        ("名", "_u540D"),
        ("a b", "a_b"),
    ],
)
def test_an_illegal_name_is_escaped_as_a_function_of_itself(name: str, escaped: str) -> None:
    assert escape(name) == escaped


@given(st.text(max_size=12))
def test_every_name_escapes_to_a_legal_one(name: str) -> None:
    assert legal(escape(name))
    assert escape_value(name) not in ("true", "false", "null")


@given(st.lists(st.text(alphabet="ab-_ 1+", max_size=4), unique=True, max_size=12))
def test_no_two_names_become_one(names: list[str]) -> None:
    found = distinct(names)
    assert len(set(found.values())) == len(names)
    assert all(found[name] == name for name in names if legal(name))


def test_the_unescaped_name_wins_and_the_others_count_on_in_source_order() -> None:
    assert distinct([">", "=", "<"]) == {">": "_", "=": "_2", "<": "_3"}
    assert distinct(["a-b", "a b", "a_b"]) == {"a-b": "a_b_2", "a b": "a_b_3", "a_b": "a_b"}


@given(st.lists(st.text(max_size=5), max_size=5))
def test_a_pointer_reads_back_as_the_keys_it_was_written_from(keys: list[str]) -> None:
    assert tokens("".join(f"/{token(key)}" for key in keys)) == keys


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/users/{id}/pets", "get_users_by_id_pets"),
        ("/", "get"),
        ("/a-b/{x}.json", "get_a_b_by_x_json"),
        ("/Users", "get_Users"),
    ],
)
def test_a_path_names_the_operation_that_has_no_id(path: str, name: str) -> None:
    assert path_name(path) == name


ILLEGAL = """
It:
  type: object
  required: ['+1', first-name]
  properties:
    '+1': {type: integer}
    '-1': {type: integer}
    first-name: {type: string}
    first_name: {type: string}
    $ref: {type: string}
    __typename: {type: string}
    '': {type: string}
"""


def test_properties_keep_their_original_in_a_directive_and_on_the_wire() -> None:
    graph = a_subgraph(answering(ILLEGAL))
    assert 'first_name_2: String! @name(was: "first-name")' in sdl(graph, "It", origins=True)
    assert graph.wire.names == {
        ("It", "_plus_1"): "+1",
        ("It", "_minus_1"): "-1",
        ("It", "first_name_2"): "first-name",
        ("It", "_ref"): "$ref",
        ("It", "_typename"): "__typename",
        ("It", "_empty"): "",
    }


def test_each_escaped_name_is_reported() -> None:
    assert codes(a_subgraph(answering(ILLEGAL))).count("NAME_ESCAPED") == 6


def test_a_shared_schema_gives_its_name_to_the_type() -> None:
    graph = a_subgraph(answering("{io.k8s.Pod: {type: object, properties: {a: {type: string}}}}", "io.k8s.Pod"))
    assert field_type(graph, "Query.it") == "io_k8s_Pod"
    assert '@name(was: "io.k8s.Pod")' in graph.origins["io_k8s_Pod"]


def test_inline_schemas_are_named_after_their_place() -> None:
    inline = """
    It:
      type: object
      properties:
        address: {type: object, properties: {geo: {type: object, properties: {lat: {type: number}}}}}
        tags: {type: array, items: {type: object, properties: {name: {type: string}}}}
        shape: {oneOf: [{type: object, properties: {a: {type: string}}}, {type: object, properties: {b: {type: string}}}]}
    """
    graph = a_subgraph(answering(inline))
    assert field_type(graph, "It.address") == "It_address"
    assert field_type(graph, "It_address.geo") == "It_address_geo"
    assert field_type(graph, "It.tags") == "[It_tags!]"
    assert sdl(graph, "It_shape") == "union It_shape = It_shape_1 | It_shape_2"


def test_an_inline_answer_is_named_after_its_root_field() -> None:
    document = answering("{It: {type: string}}")
    media = document["paths"]["/it"]["get"]["responses"]["200"]["content"]["application/json"]
    media["schema"] = {"type": "object", "properties": {"a": {"type": "string"}}}
    assert field_type(a_subgraph(document), "Query.it") == "it_response"


@pytest.mark.parametrize("name", ["Query", "Mutation", "Subscription", "String", "ID", "JSON", "DateTime"])
def test_a_type_never_takes_a_reserved_name(name: str) -> None:
    graph = a_subgraph(answering(f"{{{name}: {{type: object, properties: {{a: {{type: string}}}}}}}}", name))
    assert field_type(graph, "Query.it") == f"{name}_"


def test_shared_names_do_not_depend_on_what_is_exposed() -> None:
    document = answering(
        "{It: {type: object, properties: {a: {type: string}}}, a-b: {type: object, properties: {c: {type: string}}}}"
    )
    paths = document["paths"]
    document["components"]["schemas"]["a_b"] = {"type": "object", "properties": {"d": {"type": "string"}}}
    answer = {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/a-b"}}}}
    paths["/other"] = {"get": {"operationId": "other", "responses": {"200": answer}}}
    everything, only = a_subgraph(document), a_subgraph(document, expose=("other",))
    assert field_type(everything, "Query.other") == field_type(only, "Query.other") == "a_b_2"


def _with_ids(*ids: str | None) -> dict[str, object]:
    answer = {"200": {"description": "ok", "content": {"application/json": {"schema": {"type": "boolean"}}}}}
    paths = {}
    for number, name in enumerate(ids):
        paths[f"/p{number}"] = {"get": {"responses": answer} | ({"operationId": name} if name is not None else {})}
    return {"openapi": "3.0.0", "paths": paths}


def _root_fields(*ids: str | None) -> list[str]:
    return [each.name.value for each in a_subgraph(_with_ids(*ids)).types["Query"].fields]  # type: ignore[attr-defined]


def test_an_operation_is_called_by_its_id() -> None:
    assert _root_fields("listUsers", "get-illegal.names") == ["listUsers", "get_illegal_names"]


def test_operations_that_share_an_id_are_all_called_by_their_paths() -> None:
    assert _root_fields("dup", "dup", "other") == ["get_p0", "get_p1", "other"]
    assert "OPERATION_ID_DUPLICATE" in codes(a_subgraph(_with_ids("dup", "dup")))


def test_ids_that_become_the_same_name_count_as_shared() -> None:
    assert _root_fields("a-b", "a_b") == ["get_p0", "get_p1"]


def test_an_operation_without_an_id_gives_way_to_one_that_has_the_name() -> None:
    graph = a_subgraph(_with_ids(None, "get_p0"))
    assert url(graph, "{ get_p0 }") == "/p1"
    assert url(graph, "{ get_p0_2 }") == "/p0"
