"""What a caller must have to read something, and what becomes of an answer where it has it not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.engine.rights import rights_of
from gateway.upstream.call import Freshness, Request
from gateway.upstream.caller import Caller, Requirement
from gateway.upstream.layers.access import access
from tests.graphs import Service, answer, composed, shop
from tests.graphs import an_engine as plain_engine

READER = Caller("reader", frozenset({"users.read"}))
OTHER = Caller("other", frozenset({"stock.read"}))
DIRECTIVES = """
directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
directive @policy(policies: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
"""


def needs(*scopes: str) -> Requirement:
    return Requirement((frozenset(scopes),))


def an_engine(services: list[Service], links: Any = (), protect: Any = None, sources: Any = None, **keys: Any) -> Any:
    rights = rights_of(composed(services, links), protect or {}, sources or {})
    return plain_engine(services, links, rights=rights, **keys)


async def asked(engine: Any, query: str, caller: Caller | None = None, **keys: Any) -> dict[str, Any]:
    came = await answer(engine, query, request=Request("req_test", caller=caller), **keys)
    return json.loads(came.body)


def refusals(body: dict[str, Any]) -> list[tuple[str, str, list[Any]]]:
    return [(e["extensions"]["code"], e["extensions"]["service"], e["path"]) for e in body["errors"]]


async def test_a_protected_field_is_null_with_the_error_of_its_owner_and_never_asked_for():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User.email": needs("users.read")}})
    body = await asked(engine, "{ me { email name } }", OTHER)
    assert body["data"] == {"me": {"email": None, "name": "User 1"}}
    (error,) = body["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["me", "email"], "FORBIDDEN")
    assert error["extensions"]["owner"]["team"] == "Team accounts"
    assert "email" not in services[1].asked[-1]["query"]


async def test_who_has_the_scope_reads_it():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User.email": needs("users.read")}})
    assert await asked(engine, "{ me { email } }", READER) == {"data": {"me": {"email": "u1@example.com"}}}


async def test_a_caller_nobody_knows_is_told_to_say_who_it_is():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User.email": Requirement()}})
    assert refusals(await asked(engine, "{ me { email } }")) == [("UNAUTHENTICATED", "accounts", ["me", "email"])]
    assert (await asked(engine, "{ me { email } }", OTHER))["data"]["me"]["email"]


async def test_a_null_that_may_not_be_spreads_and_one_error_lists_every_place():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User.name": needs("users.read")}})
    body = await asked(engine, "{ products { name reviews { stars author { name } } } }", OTHER)
    authors = [review["author"] for product in body["data"]["products"] for review in product["reviews"]]
    assert authors
    assert set(authors) == {None}
    (error,) = body["errors"]
    assert error["path"] == ["products", 0, "reviews", 0, "author", "name"]
    assert error["extensions"]["affected"]["count"] == len(authors)


async def test_a_null_that_may_not_be_spreads_to_the_data():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User": needs("users.read")}})
    body = await asked(engine, "{ me { id } }", OTHER)
    assert body["data"] is None
    assert refusals(body) == [("FORBIDDEN", "accounts", ["me"])]


async def test_where_errors_are_nulls_the_data_stays():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User.name": needs("users.read")}}, on_error="null")
    assert (await asked(engine, "{ me { id name } }", OTHER))["data"] == {"me": {"id": "1", "name": None}}


async def test_a_protected_type_is_withheld_wherever_it_is_reached():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User": needs("users.read")}})
    body = await asked(engine, "{ products(first: 1) { reviews { author { id } } } }", OTHER)
    assert all(review["author"] is None for review in body["data"]["products"][0]["reviews"])
    assert not services[1].asked


async def test_a_source_gives_nothing_to_who_lacks_what_it_requires():
    services, links = shop()
    accounts = services[1]
    accounts.send = access(needs("users.read"))(accounts.send)  # type: ignore[method-assign]
    engine = an_engine(services, links, sources={"accounts": needs("users.read")})
    body = await asked(engine, "{ products(first: 1) { name reviews { author { id } } } }", OTHER)
    assert body["data"]["products"][0]["name"] == "Product 1"
    assert [code for code, _, _ in refusals(body)] == ["FORBIDDEN"]
    assert not accounts.asked
    assert "errors" not in await asked(engine, "{ products(first: 1) { reviews { author { id } } } }", READER)


ZOO = (
    DIRECTIVES
    + """
    type Query { animals: [Animal!]! any: [Any!]! }
    interface Animal { name: String! secret: String }
    type Cat implements Animal { name: String! secret: String @requiresScopes(scopes: [["vet"], ["a", "b"]]) lives: Int }
    type Dog implements Animal { name: String! secret: String tricks: [String!] @policy(policies: [["trainer"]]) }
    union Any = Cat | Dog
    """
)
ANIMALS = [
    {"__typename": "Cat", "name": "Tom", "secret": "mice", "lives": 9},
    {"__typename": "Dog", "name": "Rex", "secret": "bones", "tricks": ["sit"]},
]


def zoo() -> Any:
    return an_engine([Service("zoo", ZOO, {"animals": ANIMALS, "any": ANIMALS})])


async def test_through_an_interface_only_the_member_that_is_protected_is_withheld():
    body = await asked(zoo(), "{ animals { n: name secret } }", OTHER)
    assert body["data"]["animals"] == [{"n": "Tom", "secret": None}, {"n": "Rex", "secret": "bones"}]
    assert refusals(body) == [("FORBIDDEN", "zoo", ["animals", 0, "secret"])]


@pytest.mark.parametrize(("scopes", "seen"), [({"vet"}, "mice"), ({"a", "b"}, "mice"), ({"a"}, None), (set(), None)])
async def test_alternatives_of_scopes(scopes, seen):
    body = await asked(zoo(), "{ any { ... on Cat { secret lives } } }", Caller("x", frozenset(scopes)))
    assert body["data"]["any"][0] == {"secret": seen, "lives": 9}


async def test_policies_are_granted_like_scopes():
    query = "{ any { __typename _type: __typename ... on Dog { tricks } } }"
    refused = await asked(zoo(), query, OTHER)
    assert refused["data"]["any"][1] == {"__typename": "Dog", "_type": "Dog", "tricks": None}
    allowed = await asked(zoo(), query, Caller("x", policies=frozenset({"trainer"})))
    assert allowed["data"]["any"][1]["tricks"] == ["sit"]


async def test_an_object_of_which_nothing_may_be_read_is_there_all_the_same():
    body = await asked(zoo(), "{ any { ... on Dog { tricks } } }", OTHER)
    assert body["data"]["any"] == [{}, {"tricks": None}]


async def test_what_is_required_of_an_interface_is_required_of_its_members():
    engine = an_engine([Service("zoo", ZOO, {"any": ANIMALS})], protect={"zoo": {"Animal.name": needs("names")}})
    body = await asked(engine, "{ any { ... on Dog { name } ... on Cat { lives } } }", OTHER)
    assert refusals(body) == [("FORBIDDEN", "zoo", ["any", 1, "name"])]


async def test_an_answer_that_is_kept_for_one_caller_is_never_given_to_another():
    accounts = Service("accounts", "type Query { me: String }", {"me": "Ann"})
    accounts.freshness = Freshness(expires=1_060.0)
    accounts.send = access(needs("users.read"))(accounts.send)  # type: ignore[method-assign]
    engine = an_engine([accounts], sources={"accounts": needs("users.read")}, clock=lambda: 1_000.0)
    for caller, allowed in ((READER, True), (OTHER, False), (None, False), (READER, True)):
        came = await answer(engine, "{ me }", request=Request("req_test", caller=caller))
        assert (came.has_errors, b"Ann" in came.body) == (not allowed, allowed)
        assert came.private or not allowed
    assert len(accounts.asked) == 1


async def test_the_same_document_serves_callers_of_all_kinds():
    services, links = shop()
    engine = an_engine(services, links, {"accounts": {"User.email": needs("users.read")}})
    seen = [(await asked(engine, "{ me { email } }", caller))["data"]["me"]["email"] for caller in (OTHER, READER, None)]
    assert seen == [None, "u1@example.com", None]
