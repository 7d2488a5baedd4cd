"""Alternatives become unions and interfaces, and a value says which it is (rules C1-C8)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.execution.reading import Readers, Sink
from tests.sources.openapi.world import a_fetch, a_subgraph, answering, codes, field_type, schema_of, sdl

ANIMALS = """
Cat: {type: object, required: [kind], properties: {kind: {type: string}, size: {type: integer}}}
Dog: {type: object, required: [kind], properties: {kind: {type: string}, size: {type: string}}}
Leaf: {type: object, required: [value], properties: {value: {type: string}}}
"""


def union(schema: str, version: str = "3.1.0", **keys: Any) -> Any:
    return a_subgraph(answering(f"It: {{type: object, properties: {{a: {schema}}}}}\n{ANIMALS}", version=version), **keys)


def refs(*names: str) -> str:
    return ", ".join(f"{{$ref: {name}}}" for name in names)


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        (f"{{oneOf: [{refs('Cat')}]}}", "Cat"),
        (f"{{anyOf: [{refs('Cat')}, {{type: 'null'}}]}}", "Cat"),
        (f"{{anyOf: [{refs('Cat', 'Cat')}]}}", "Cat"),
        (f"{{oneOf: [{refs('Cat')}, {{required: [size]}}]}}", "Cat"),
        ("{anyOf: [{type: string}, {type: string, enum: [a, b]}]}", "String"),
        ("{oneOf: [{const: a}, {const: b}]}", "It_a"),
        ("{oneOf: [{type: integer}, {type: number}]}", "Float"),
        ("{oneOf: [{type: integer}, {type: integer, format: int64}]}", "Int64"),
        ("{oneOf: [{type: string}, {type: integer}]}", "JSON"),
        ("{oneOf: [{type: string, format: date}, {type: string, format: date}]}", "Date"),
        ("{oneOf: [{type: string, format: date}, {type: string}]}", "String"),
        (f"{{oneOf: [{{type: array, items: {refs('Cat')}}}, {{type: array, items: {refs('Dog')}}}]}}", "[It_a!]"),
        ("{oneOf: [{type: array, items: {type: string}}, {type: string}]}", "JSON"),
    ],
)
def test_alternatives_become(schema: str, type_: str) -> None:
    assert field_type(union(schema), "It.a") == type_


def test_objects_become_a_union_of_their_own_names() -> None:
    assert sdl(union(f"{{oneOf: [{refs('Cat', 'Dog')}]}}"), "It_a") == "union It_a = Cat | Dog"


def test_unions_inside_unions_are_opened() -> None:
    graph = union(f"{{oneOf: [{refs('Leaf')}, {{anyOf: [{refs('Cat', 'Dog')}]}}]}}")
    assert sdl(graph, "It_a") == "union It_a = Leaf | Cat | Dog"


def test_properties_beside_the_alternatives_belong_to_each_of_them() -> None:
    graph = union(f"{{type: object, required: [id], properties: {{id: {{type: integer}}}}, oneOf: [{refs('Cat', 'Leaf')}]}}")
    assert sdl(graph, "It_a") == "union It_a = It_a_Cat | It_a_Leaf"
    assert sdl(graph, "It_a_Leaf") == "type It_a_Leaf {\n  id: Int!\n  value: String!\n}"


def test_what_is_no_object_is_carried_by_a_type_made_for_it() -> None:
    graph = union(f"{{anyOf: [{refs('Leaf')}, {{type: string}}, {{type: array, items: {refs('Leaf')}}}]}}")
    assert sdl(graph, "It_a") == "union It_a = Leaf | String_value | Leaf_list"
    assert field_type(graph, "String_value.value") == "String!"
    assert field_type(graph, "Leaf_list.items") == "[Leaf!]!"
    assert graph.wire.wraps == {"String_value": "value", "Leaf_list": "items"}
    resolve = graph.wire.dispatch["It_a"].resolve
    assert [resolve({"value": "x"}), resolve("x"), resolve([{"value": "x"}]), resolve(5)] == [
        "Leaf",
        "String_value",
        "Leaf_list",
        None,
    ]


def test_the_configuration_makes_such_a_union_json() -> None:
    graph = union(f"{{anyOf: [{refs('Leaf')}, {{type: string}}]}}", options={"union_scalars": "json"})
    assert field_type(graph, "It.a") == "JSON"


def test_types_with_several_kinds_keep_their_object() -> None:
    graph = union("{type: [object, string], properties: {b: {type: string}}}")
    assert sdl(graph, "It_a") == "union It_a = It_a_object | String_value"
    assert graph.wire.dispatch["It_a"].resolve("x") == "String_value"


# ---------------------------------------------------------------- dispatch


def test_a_discriminator_maps_its_values_and_the_names_of_the_schemas() -> None:
    mapping = "{propertyName: kind, mapping: {kitty: '#/components/schemas/Cat', hound: Dog}}"
    dispatch = union(f"{{oneOf: [{refs('Cat', 'Dog')}], discriminator: {mapping}}}").wire.dispatch["It_a"]
    assert (dispatch.property, dispatch.mapping) == ("kind", {"kitty": "Cat", "hound": "Dog", "Cat": "Cat", "Dog": "Dog"})
    assert dispatch.resolve is None  # every member requires `kind`


def test_a_mapping_to_what_is_no_member_is_reported() -> None:
    graph = union(f"{{oneOf: [{refs('Cat', 'Dog')}], discriminator: {{propertyName: kind, mapping: {{x: Leaf}}}}}}")
    assert "DISCRIMINATOR_TARGET" in codes(graph)


def test_a_mapping_finds_members_that_have_the_properties_beside_them() -> None:
    mapping = "{propertyName: kind, mapping: {c: '#/components/schemas/Cat', d: Dog}}"
    schema = f"{{type: object, properties: {{id: {{type: integer}}}}, oneOf: [{refs('Cat', 'Dog')}], discriminator: {mapping}}}"
    assert union(schema).wire.dispatch["It_a"].mapping == {"c": "It_a_Cat", "d": "It_a_Dog", "Cat": "It_a_Cat", "Dog": "It_a_Dog"}


def test_members_that_the_discriminator_does_not_name_are_told_by_their_structure() -> None:
    inner = f"{{oneOf: [{refs('Leaf')}, {{type: object, required: [other], properties: {{other: {{type: string}}}}}}]}}"
    mapping = "{propertyName: kind, mapping: {kitty: '#/components/schemas/Cat'}}"
    dispatch = union(f"{{oneOf: [{refs('Cat')}, {inner}], discriminator: {mapping}}}").wire.dispatch["It_a"]
    values = [{"kind": "kitty"}, {"kind": "x", "value": "v"}, {"other": "o"}, {"nothing": 1}]
    assert [dispatch.resolve(value) for value in values] == ["Cat", "Leaf", "It_a_2_2", None]


def test_constants_that_differ_tell_the_members_apart() -> None:
    one = "{type: object, required: [object], properties: {object: {const: card}, a: {type: string}}}"
    two = "{type: object, required: [object], properties: {object: {type: string, enum: [bank, giro]}}}"
    dispatch = union(f"{{oneOf: [{one}, {two}]}}").wire.dispatch["It_a"]
    assert (dispatch.property, dispatch.mapping) == ("object", {"card": "It_a_1", "bank": "It_a_2", "giro": "It_a_2"})


def test_some_values_of_a_shared_enum_tell_members_apart_and_keep_its_type() -> None:
    schemas = """
    It: {oneOf: [{$ref: Done}, {$ref: Open}]}
    Done: {type: object, required: [status], properties: {status: {$ref: Status, const: done}}}
    Open: {type: object, required: [status], properties: {status: {$ref: Status, enum: [new, running]}}}
    Status: {type: string, enum: [new, running, done]}
    """
    graph = a_subgraph(answering(schemas))
    assert [field_type(graph, "Done.status"), field_type(graph, "Open.status")] == ["Status!", "Status!"]
    assert sdl(graph, "Status") == "enum Status {\n  new\n  running\n  done\n}"
    assert graph.wire.dispatch["It"].mapping == {"done": "Done", "new": "Open", "running": "Open"}


def test_constants_that_are_not_required_only_help_the_structure() -> None:
    one = "{type: object, properties: {type: {type: string, enum: [a]}}}"
    two = "{type: object, properties: {type: {type: string, enum: [b]}}}"
    dispatch = union(f"{{oneOf: [{one}, {two}]}}").wire.dispatch["It_a"]
    assert dispatch.property is None
    assert dispatch.resolve({"type": "b"}) == "It_a_2"


@pytest.mark.parametrize(
    ("value", "member"),
    [
        ({"value": "x"}, "Leaf"),
        ({"kind": "k", "size": 3}, "Cat"),
        ({"kind": "k", "size": "big"}, "Dog"),
        ({"kind": "k"}, "Cat"),
        ({"size": 3}, None),
        ({"value": 7}, None),
        ("text", None),
    ],
)
def test_structure_tells_a_member_by_what_is_required_present_and_fitting(value: Any, member: str | None) -> None:
    graph = union(f"{{oneOf: [{refs('Cat', 'Dog', 'Leaf')}]}}")
    assert graph.wire.dispatch["It_a"].resolve(value) == member
    assert "DISPATCH_STRUCTURE" in codes(graph)


def test_a_closed_member_refuses_what_it_does_not_declare() -> None:
    closed = "{type: object, properties: {a: {type: string}}, additionalProperties: false}"
    graph = union(f"{{oneOf: [{closed}, {{type: object, properties: {{a: {{type: string}}}}}}]}}")
    resolve = graph.wire.dispatch["It_a"].resolve
    assert (resolve({"a": "x"}), resolve({"a": "x", "b": 1})) == ("It_a_1", "It_a_2")


# ---------------------------------------------------------------- interfaces

PETS = """
It: {type: object, properties: {pet: {$ref: Pet}}}
Pet:
  type: object
  required: [petType]
  discriminator: {propertyName: petType}
  properties: {petType: {type: string}, name: {type: string}}
Cat: {allOf: [{$ref: Pet}, {type: object, properties: {lives: {type: integer}}}]}
Dog: {allOf: [{$ref: Pet}, {type: object, required: [name], properties: {petType: {const: hound}}}]}
Puppy: {allOf: [{$ref: Dog}]}
"""


def test_a_base_with_a_discriminator_is_an_interface_of_all_that_extend_it() -> None:
    graph = a_subgraph(answering(PETS))
    assert sdl(graph, "Pet", "Cat") == (
        "interface Pet {\n  petType: String!\n  name: String\n}\n"
        "type Cat implements Pet {\n  petType: String!\n  name: String\n  lives: Int\n}"
    )
    dispatch = graph.wire.dispatch["Pet"]
    assert (dispatch.property, dispatch.mapping) == ("petType", {"hound": "Dog", "Cat": "Cat", "Dog": "Dog"})


def test_a_field_that_does_not_fit_its_interface_takes_the_type_declared_there() -> None:
    graph = a_subgraph(answering(PETS))
    assert field_type(graph, "Dog.petType") == "String!"
    assert field_type(graph, "Dog.name") == "String!"
    assert "INTERFACE_FIELD" in codes(graph)


def test_what_two_bases_of_one_type_say_differently_is_any_json_in_all_of_them() -> None:
    graph = a_subgraph(
        answering("""
It: {type: object, properties: {a: {$ref: A}, b: {$ref: B}}}
A: {type: object, discriminator: {propertyName: kind}, properties: {kind: {type: string}, size: {type: array, items: {}}}}
B: {type: object, discriminator: {propertyName: kind}, properties: {kind: {type: string}, size: {$ref: Leaf}}}
Both: {allOf: [{$ref: A}, {$ref: B}]}
Leaf: {type: object, properties: {value: {type: string}}}
""")
    )
    assert [field_type(graph, f"{name}.size") for name in ("A", "B", "Both", "A_itself")] == ["JSON"] * 4
    assert field_type(graph, "A.kind") == "String"
    schema_of(graph)
    assert "INTERFACE_FIELD" in codes(graph)


def test_the_discriminator_of_2_0_means_the_names_of_the_definitions() -> None:
    pets = PETS.replace("{propertyName: petType}", "petType").replace("{const: hound}", "{}")
    dispatch = a_subgraph(answering(pets, version="2.0")).wire.dispatch["Pet"]
    assert dispatch.mapping == {"Cat": "Cat", "Dog": "Dog"}


def test_a_base_whose_values_need_not_say_what_they_are_also_stands_for_itself() -> None:
    graph = a_subgraph(answering(PETS.replace("  required: [petType]\n", "", 1)))
    assert sdl(graph, "Pet_itself") == "type Pet_itself implements Pet {\n  petType: String\n  name: String\n}"
    dispatch = graph.wire.dispatch["Pet"]
    assert dispatch.mapping["Pet"] == "Pet_itself"
    assert dispatch.resolve is not None
    assert [dispatch.resolve(value) for value in ({"name": "x"}, {"name": "x", "lives": 9})] == ["Pet_itself", "Cat"]


def test_a_base_that_nothing_extends_is_an_object() -> None:
    graph = a_subgraph(answering("It: {type: object, discriminator: {propertyName: kind}, properties: {kind: {type: string}}}"))
    assert sdl(graph, "It") == "type It {\n  kind: String\n}"


def test_an_interface_among_alternatives_gives_its_members() -> None:
    graph = a_subgraph(
        answering(
            PETS.replace(
                "{pet: {$ref: Pet}}",
                f"{{pet: {{oneOf: [{refs('Pet')}, {{type: object, properties: {{x: {{type: string}}}}}}]}}}}",
            )
        )
    )
    assert sdl(graph, "It_pet") == "union It_pet = Cat | Dog | It_pet_2"


ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.integers(-5, 5) | st.just(2**40) | st.text(max_size=2) | st.none(),
            "meow": st.text(max_size=2) | st.none() | st.integers(0, 1),
            "bark": st.text(max_size=2) | st.booleans(),
            "more": st.lists(st.integers(), max_size=1),
        },
    ),
    max_size=4,
)
TOLD_BY_STRUCTURE = """
Cat: {type: object, required: [id, meow], properties: {id: {type: integer}, meow: {type: string}}}
Dog: {type: object, required: [bark], properties: {id: {type: integer}, bark: {type: string}}}
It: {type: array, items: {oneOf: [{$ref: Cat}, {$ref: Dog}]}}
"""


@given(ROWS)
def test_what_only_its_structure_tells_is_read_fast_as_it_is_read_exactly(rows: list[dict[str, Any]]) -> None:
    graph = a_subgraph(answering(TOLD_BY_STRUCTURE))
    fetch = a_fetch(graph, "{ it { __typename ... on Cat { id meow } ... on Dog { id again: bark } } }")
    ((field,),) = [case.fields for case in fetch.selection.cases]
    reading = Readers(graph, {}, {}).value(field.type, field.selection, "Query.it")
    body, sink = msgspec.json.encode(rows), Sink("it", None)
    exact = reading.exact(msgspec.json.decode(body), sink)
    convert = reading.convert
    assert convert is not None
    try:
        fast = convert(msgspec.json.decode(body, type=reading.fast))
    except msgspec.ValidationError:
        return  # then the exact reader is asked
    assert not sink.faulty
    assert msgspec.json.encode(fast) == msgspec.json.encode(exact)
