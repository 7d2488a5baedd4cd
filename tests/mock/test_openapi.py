"""A REST service played from its document: a call is answered with what its response schema describes."""

import msgspec
import pytest

from gateway.mock.openapi import OpenApiMock
from gateway.mock.world import World
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.reading import version_of
from gateway.sources.openapi.references import References

PET = {"$ref": "#/components/schemas/Pet"}


def answers(schema, media="application/json"):
    return {"200": {"content": {media: {"schema": schema}}}}


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Pets", "version": "1"},
    "paths": {
        "/pets": {
            "get": {
                "operationId": "pets",
                "parameters": [
                    {"name": "limit", "in": "query", "schema": {"type": "integer"}},
                    {"name": "ids", "in": "query", "schema": {"type": "array", "items": {"type": "integer"}}},
                ],
                "responses": {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Page"}}}}},
            }
        },
        "/pets/{id}": {"get": {"operationId": "pet", "responses": answers(PET)}},
        "/pets/{id}/owner": {
            "get": {
                "operationId": "owner",
                "responses": {"200": {"content": {"application/hal+json": {"schema": {"$ref": "#/components/schemas/Owner"}}}}},
            }
        },
        "/pets/latest": {"get": {"operationId": "latest", "responses": answers(PET)}},
        "/ping": {"get": {"operationId": "ping", "responses": {"204": {"description": "up"}}}},
        "/words": {"get": {"operationId": "words", "responses": answers({"type": "string"}, "text/plain")}},
    },
    "components": {
        "schemas": {
            "Page": {
                "type": "object",
                "required": ["items", "total"],
                "properties": {
                    "items": {"type": "array", "items": PET},
                    "total": {"type": "integer"},
                    "hasMore": {"type": "boolean"},
                },
            },
            "Pet": {
                "type": "object",
                "required": ["id", "name"],
                "properties": {
                    "id": {"type": "integer", "minimum": 100},
                    "name": {"type": "string"},
                    "chip": {"type": "string", "pattern": "^[0-9]{5}$"},
                    "kind": {"enum": ["cat", "dog"]},
                    "mother": PET,
                    "ownerId": {"type": "string"},
                    "home": {
                        "oneOf": [{"$ref": "#/components/schemas/House"}, {"$ref": "#/components/schemas/Flat"}],
                        "discriminator": {"propertyName": "type", "mapping": {"h": "#/components/schemas/House", "f": "Flat"}},
                    },
                    "marks": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 3, "maximum": 4}},
                    "born": {"type": ["string", "null"], "format": "date"},
                },
            },
            "House": {"type": "object", "properties": {"type": {"type": "string"}, "garden": {"type": "boolean"}}},
            "Flat": {"type": "object", "properties": {"type": {"type": "string"}, "floor": {"type": "integer"}}},
            "Owner": {
                "allOf": [{"$ref": "#/components/schemas/Named"}, {"properties": {"id": {"type": "string", "format": "uuid"}}}]
            },
            "Named": {"type": "object", "properties": {"name": {"type": "string"}}},
        }
    },
}


def played(document):
    quiet, world = Fidelity(), World(1)
    mock = OpenApiMock(References(document, version_of(document, "pets", quiet), quiet), Options(), world, {})
    for kind in mock.kinds({}):
        world.learn(kind)
    return mock


@pytest.fixture
def service():
    return played(DOCUMENT)


def get(service, path, status=200):
    code, _, body = service.answer("GET", f"https://pets.example.com/v1{path}", None)
    assert code == status
    return msgspec.json.decode(body) if body else None


def test_a_row_is_the_same_by_its_key_and_in_a_list(service):
    listed = get(service, "/pets?limit=5")["items"]
    assert [pet["id"] for pet in listed] == [100, 101, 102, 103, 104]
    assert get(service, "/pets/102")["name"] == listed[2]["name"]
    assert get(service, "/pets?ids=103,101")["items"] == [listed[3], listed[1]]
    assert get(service, "/pets?ids=103&ids=101")["items"] == [listed[3], listed[1]]


def test_values_are_as_the_document_says(service):
    pet = get(service, "/pets/101")
    assert len(pet["chip"]) == 5
    assert pet["kind"] in ("cat", "dog")
    assert set(pet["marks"].values()) <= {3, 4}
    assert len(pet["born"]) == 10
    assert len(get(service, "/pets/101/owner")["id"]) == 36


def test_a_schema_that_contains_itself_ends(service):
    depth, pet = 0, get(service, "/pets/101")
    while "mother" in pet:
        depth, pet = depth + 1, pet["mother"]
    assert 1 < depth < 20


def test_an_answer_is_never_larger_than_a_client_could_want():
    properties = {key: {"$ref": "#/components/schemas/All"} for key in "abcd"}
    everything = {"type": "object", "required": list(properties), "properties": properties}
    document = {
        **DOCUMENT,
        "components": {"schemas": {**DOCUMENT["components"]["schemas"], "All": everything, "Pet": everything}},
    }
    assert len(msgspec.json.encode(get(played(document), "/pets/1"))) < 1_000_000


def test_what_a_discriminator_says_is_what_is_there(service):
    for number in range(100, 112):
        home = get(service, f"/pets/{number}")["home"]
        assert ("garden" in home) == (home["type"] == "h")
        assert ("floor" in home) == (home["type"] == "f")


def test_the_path_with_most_words_is_meant(service):
    assert get(service, "/pets/latest")["id"] != "latest"
    assert set(get(service, "/pets/101/owner")) == {"name", "id"}


def test_a_page_says_how_many_there_are(service):
    page = get(service, "/pets")
    assert (page["total"], page["hasMore"], len(page["items"])) == (48, False, 10)


def test_media_types_are_those_of_the_document(service):
    assert service.answer("GET", "https://x/pets/1/owner", None)[1] == "application/hal+json"
    assert service.answer("GET", "https://x/ping", None)[0] == 204
    assert service.answer("GET", "https://x/words", None)[1:] == ("text/plain", b"A text.")


def test_what_the_document_does_not_have_is_not_found(service):
    get(service, "/nowhere", status=404)
