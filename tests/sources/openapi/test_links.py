"""Links of the document become fields where they can, and batches it seems to offer are suggested (rules B1, B3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.openapi.world import a_subgraph, codes, diagnostic

USER = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "integer"},
        "manager-id": {"type": "integer"},
        "taken": {"type": "string"},
        "home": {"$ref": "#/components/schemas/Home"},
    },
}


def linked(link: dict[str, Any], name: str = "manager", **user: Any) -> dict[str, Any]:
    """A service with `getUser`, whose answer has this link, and `getHome`."""
    parameters = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    user_content = {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}
    home = {"application/json": {"schema": {"$ref": "#/components/schemas/Home"}}}
    get_user = {
        "operationId": "getUser",
        "parameters": parameters,
        "responses": {"200": {"content": user_content, "links": {name: link}} | user},
    }
    get_home = {"operationId": "getHome", "parameters": parameters, "responses": {"200": {"content": home}}}
    home_type = {"type": "object", "properties": {"zip": {"type": "string"}}}
    paths = {"/users/{id}": {"get": get_user, "delete": {"operationId": "deleteUser"}}, "/homes/{id}": {"get": get_home}}
    return {"openapi": "3.1.0", "paths": paths, "components": {"schemas": {"User": USER, "Home": home_type}}}


MANAGER = {"operationId": "getUser", "parameters": {"id": "$response.body#/manager-id"}}


def test_links_are_off_unless_asked_for() -> None:
    assert a_subgraph(linked(MANAGER)).links == ()


@pytest.mark.parametrize(
    ("link", "to", "arguments"),
    [
        (MANAGER, "stock.getUser", {"id": "$manager_id"}),
        ({"operationId": "getHome", "parameters": {"path.id": "$response.body#/home/zip"}}, "stock.getHome", {"id": "$home.zip"}),
        ({"operationRef": "#/paths/~1homes~1{id}/get", "parameters": {"id": 7}}, "stock.getHome", {"id": 7}),
        ({"operationId": "getHome"}, "stock.getHome", {}),
    ],
)
def test_a_link_becomes_a_join_as_the_yaml_would_say_it(link: dict[str, Any], to: str, arguments: dict[str, Any]) -> None:
    (stated,) = a_subgraph(linked(link), options={"links": "on"}).links
    assert (stated.field, stated.to, stated.with_) == ("User.manager", to, arguments)


@pytest.mark.parametrize(
    ("link", "name", "reason"),
    [
        (MANAGER, "taken", "User has a property of that name"),
        ({"operationId": "deleteUser"}, "m", "it does not lead to an operation that is read"),
        ({"operationId": "nobody"}, "m", "it does not lead to an operation that is read"),
        ({"operationId": "getHome", "parameters": {"id": "$request.path.id"}}, "m", "$request.path.id is not part of the answer"),
        ({"operationId": "getHome", "parameters": {"id": "$response.body#/nothing"}}, "m", "User has no property 'nothing'"),
        ({"operationId": "getHome", "parameters": {"idd": 1}}, "m", "GET /homes/{id} has no parameter 'idd'"),
    ],
)
def test_a_link_that_cannot_be_a_field_is_reported(link: dict[str, Any], name: str, reason: str) -> None:
    graph = a_subgraph(linked(link, name), options={"links": "on"})
    assert graph.links == ()
    assert diagnostic(graph, "LINK_OMITTED").message == f"The link {name!r} has no field: {reason}."


def test_a_prefix_holds_for_links_too() -> None:
    (stated,) = a_subgraph(linked(MANAGER), options={"links": "on"}, prefix={"types": "Stock_"}).links
    assert stated.field == "Stock_User.manager"


def test_a_link_on_a_list_is_reported() -> None:
    rows = {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/User"}}}}
    assert "LINK_OMITTED" in codes(a_subgraph(linked(MANAGER, content=rows), options={"links": "on"}))


# ---------------------------------------------------------------- batches


def listing(parameter: dict[str, Any], rows: dict[str, Any] | None = None) -> dict[str, Any]:
    document = linked(MANAGER)
    items = {"type": "array", "items": {"$ref": "#/components/schemas/User"}}
    schema = rows or {"type": "object", "properties": {"data": items, "next": {"type": "string"}}}
    answer = {"200": {"content": {"application/json": {"schema": schema}}}}
    document["paths"]["/users"] = {
        "get": {"operationId": "listUsers", "parameters": [{"in": "query", **parameter}], "responses": answer}
    }
    return document


IDS = {"name": "ids[]", "schema": {"type": "array", "maxItems": 50, "items": {"type": "integer"}}}


def test_a_batch_that_the_document_seems_to_offer_is_suggested_with_its_yaml() -> None:
    (hint,) = a_subgraph(listing(IDS)).hints
    assert (hint.code, hint.pointer) == ("BATCH_CANDIDATE", "GET /users/{id}")
    assert hint.message == "GET /users seems to answer many of it at once."
    assert hint.fix == (
        "lookups: [{type: User, key: id, via: getUser, arg: id, batch: {via: listUsers, arg: ids, key: id, path: data, max: 50}}]"
    )


def test_a_suggestion_holds_as_it_stands() -> None:
    batch = {"via": "listUsers", "arg": "ids", "key": "id", "path": "data", "max": 50}
    lookup = {"type": "User", "key": "id", "via": "getUser", "arg": "id", "batch": batch}
    graph = a_subgraph(listing(IDS), lookups=[lookup])
    assert len(graph.lookups) == 1
    assert graph.hints == ()


@pytest.mark.parametrize(
    ("parameter", "found"),
    [
        ({"name": "id", "schema": {"type": "array", "items": {"type": "integer"}}}, ["seems"]),
        ({"name": "ids", "description": "Comma-separated.", "schema": {"type": "string"}}, ["may"]),
        ({"name": "ids", "schema": {"type": "string"}}, []),
        ({"name": "ids", "schema": {"type": "array", "items": {"type": "string"}}}, []),
        ({"name": "tags", "schema": {"type": "array", "items": {"type": "integer"}}}, []),
    ],
)
def test_only_parameters_that_look_like_keys_are_suggested(parameter: dict[str, Any], found: list[str]) -> None:
    assert [hint.message.split()[2] for hint in a_subgraph(listing(parameter)).hints] == found


def test_a_list_of_something_else_is_no_batch() -> None:
    homes = {"type": "array", "items": {"$ref": "#/components/schemas/Home"}}
    assert a_subgraph(listing(IDS, homes)).hints == ()
