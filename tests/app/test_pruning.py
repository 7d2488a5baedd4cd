"""A service that no longer knows a field: that field is lost, told of and remembered; the query is not."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gateway.sources.graphql import prune

from .conftest import BOOKS, PEOPLE, Configure, Service, ask, changes, opened

INTROSPECTION = re.compile("__schema|__type[^n]")
TITLED = '{ book(id: "1") { id title } }'
AUTHOR = '{ book(id: "1") { title author { id name } } }'


@pytest.fixture
def queries(books: Service) -> list[str]:
    return counted(books)


def counted(service: Service) -> list[str]:
    """The documents that the service is sent from now on."""
    sent: list[str] = []
    answer = service.answer

    def counting(body: bytes) -> bytes:
        if not INTROSPECTION.search(query := json.loads(body)["query"]):
            sent.append(query)
        return answer(body)

    service.stop()
    service.answer = counting  # type: ignore[method-assign]
    service.start()
    return sent


def without(service: Service, sdl: str, *fields: str) -> None:
    for field in fields:
        assert field in sdl
        sdl = sdl.replace(field, "")
    service.sdl = sdl


def drift(answer: Any) -> dict[str, Any]:
    [error] = answer["errors"]
    extensions: dict[str, Any] = error["extensions"]
    assert extensions["code"] == "SCHEMA_DRIFT"
    return {"path": error["path"], "team": extensions["owner"]["team"], "coordinate": extensions["coordinate"]}


async def test_a_field_that_is_gone_costs_itself_and_is_told_with_its_owner(
    configure: Configure, people: Service, queries: list[str]
) -> None:
    async with opened(configure()) as house:
        without(people, PEOPLE.replace("id: ID! name", "id: ID! age: Int name"), " name: String!")
        answer = await ask(house, '{ book(id: "1") { title author { id } } a: book(id: "2") { author { name } } }')
        (change,) = await changes(house, 1)
    assert answer["data"] == {"book": {"title": "Book 1", "author": {"id": "7"}}, "a": {"author": None}}
    assert drift(answer) == {"path": ["a", "author", "name"], "team": "Staff Office", "coordinate": "Person.name"}
    assert (change["source"], change["coordinate"], change["state"]) == ("people", "Person.name", "seen")
    assert len(queries) == 1, "only the service that refused is asked again"


async def test_what_is_gone_is_left_out_of_later_calls(configure: Configure, books: Service, queries: list[str]) -> None:
    async with opened(configure()) as house:
        without(books, BOOKS, " title: String!")
        await ask(house, TITLED)
        assert len(queries) == 2
        again, other = await ask(house, TITLED), await ask(house, '{ book(id: "3") { title } }')
    assert len(queries) == 4, "neither the same operation nor another one pays a second time"
    assert all("title" not in query for query in queries[1:])
    assert drift(again)["coordinate"] == drift(other)["coordinate"] == "Book.title"


async def test_a_field_that_comes_back_is_found_again(
    configure: Configure, books: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prune, "REMEMBERED", -1.0)
    async with opened(configure()) as house:
        without(books, BOOKS, " title: String!")
        await ask(house, TITLED)
        books.sdl = BOOKS
        assert "errors" not in await ask(house, TITLED)


async def test_the_root_field_of_a_link_that_is_gone_leaves_no_null_unexplained(configure: Configure, people: Service) -> None:
    async with opened(configure()) as house:
        people.sdl = PEOPLE.replace("person(", "someone(")
        answer = await ask(house, AUTHOR)
    assert answer["data"]["book"] == {"title": "Book 1", "author": None}
    assert drift(answer) == {"path": ["book", "author"], "team": "Staff Office", "coordinate": "Query.person"}


async def test_a_refusal_of_another_kind_is_not_asked_again(configure: Configure, books: Service, queries: list[str]) -> None:
    refusal = {"errors": [{"message": 'You may not read "title" on type "Book".', "extensions": {"code": "FORBIDDEN"}}]}
    async with opened(configure()) as house:
        answer = books.answer
        books.stop()
        books.answer = lambda body: (answer(body), json.dumps(refusal).encode())[1]  # type: ignore[method-assign]
        books.start()
        told = await ask(house, TITLED)
    assert [each["extensions"]["code"] for each in told["errors"]] == ["UPSTREAM_GRAPHQL_ERROR"]
    assert len(queries) == 1


async def test_where_the_rest_fails_too_the_failure_is_told(configure: Configure, books: Service, queries: list[str]) -> None:
    async with opened(configure()) as house:
        one = {"errors": [{"message": 'Cannot query field "title" on type "Book".'}]}
        two = {"errors": [{"message": 'Cannot query field "id" on type "Book".'}]}
        answer = books.answer

        def first_fault_only(body: bytes) -> bytes:
            answer(body)
            return json.dumps(one if "title" in queries[-1] else two if " id" in queries[-1] else {"data": {"book": {}}}).encode()

        books.stop()
        books.answer = first_fault_only  # type: ignore[method-assign]
        books.start()
        failed, later = await ask(house, TITLED), await ask(house, TITLED)
    assert failed["errors"][0]["extensions"]["code"] == "UPSTREAM_GRAPHQL_ERROR"
    assert len(queries) == 3, "once more for each request, never in circles"
    assert {each["extensions"]["coordinate"] for each in later["errors"]} == {"Book.id"}
