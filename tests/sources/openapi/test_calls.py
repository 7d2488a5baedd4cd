"""A fetch becomes calls: what is put where, how keys are chunked, what is sent along (rules A4-A7, B4)."""

from __future__ import annotations

import msgspec
import pytest
from graphql import parse_type

from gateway.sources.base import Argument, Batch, Entry, Input, Subgraph
from gateway.upstream.call import HeaderRules
from tests.sources.openapi.world import a_fetch, a_subgraph, answering, asking, chunks, headers, url


def one(parameters: str, arguments: str, path: str = "/it", variables: dict[str, object] | None = None, **keys: object) -> str:
    """The URL of a call with these arguments."""
    given = f"({arguments})" if arguments else ""
    return url(a_subgraph(asking(parameters, path), **keys), f"query {{ it{given} }}", variables or {})  # type: ignore[arg-type]


QUERY = "[{name: q, in: query, schema: {type: string}}, {name: n, in: query, schema: {type: integer}}]"


def test_literals_and_variables_are_put_where_the_parameter_says() -> None:
    assert one(QUERY, 'q: "a b", n: $n', variables={"n": 7}) == "/it?q=a%20b&n=7"
    assert one("[{name: id, in: path, required: true, schema: {type: string}}]", 'id: "a/b"', "/it/{id}/x") == "/it/a%2Fb/x"


def test_a_variable_the_client_did_not_give_and_null_send_nothing() -> None:
    assert one(QUERY, "q: $q, n: null") == "/it"


def test_a_default_that_the_service_applies_is_not_sent() -> None:
    assert one("[{name: n, in: query, schema: {type: integer, default: 20}}]", "") == "/it"


def test_a_path_cannot_leave_its_default_out() -> None:
    parameters = "[{name: v, in: path, required: true, schema: {type: string, default: latest}}]"
    assert one(parameters, "", "/it/{v}") == "/it/latest"
    assert one(parameters, "v: $v", "/it/{v}") == "/it/latest"
    assert one(parameters, "v: $v", "/it/{v}", {"v": "old"}) == "/it/old"


def test_enum_values_are_sent_as_their_original_json() -> None:
    parameters = "[{name: sort, in: query, schema: {type: array, items: {type: string, enum: ['+name', '-name']}}}]"
    assert one(parameters, "sort: [_name_2]") == "/it?sort=-name"
    assert one(parameters, "sort: $s", variables={"s": ["_name", "_name_2"]}) == "/it?sort=%2Bname&sort=-name"
    assert one(parameters, "sort: _name") == "/it?sort=%2Bname"


def test_members_of_input_objects_are_sent_under_their_original_names() -> None:
    schema = "{type: object, properties: {'created[gte]': {type: string}, status: {type: string, enum: ['1st']}}}"
    parameters = f"[{{name: filter, in: query, style: deepObject, schema: {schema}}}]"
    written = "/it?filter%5Bcreated%5Bgte%5D%5D=x&filter%5Bstatus%5D=1st"
    assert one(parameters, 'filter: {created_gte_: "x", status: _1st}') == written
    assert one(parameters, "filter: $f", variables={"f": {"created_gte_": "x", "status": "_1st"}}) == written
    assert one(parameters, "filter: {created_gte_: $c, status: $s}", variables={"c": "x", "s": "_1st"}) == written


def test_large_and_fractional_numbers_keep_their_text() -> None:
    parameters = "[{name: n, in: query, schema: {type: integer, format: int64}}, {name: f, in: query, schema: {type: number}}]"
    assert one(parameters, "n: 9223372036854775807, f: 1.5") == "/it?n=9223372036854775807&f=1.5"


def test_a_query_in_the_path_stays_and_a_fragment_does_not() -> None:
    assert one(QUERY, 'q: "a"', "/it?wsdl&x=1#part") == "/it?wsdl&x=1&q=a"


def test_text_in_the_path_is_encoded() -> None:
    assert one("[]", "", "/it em/ü") == "/it%20em/%C3%BC"


def test_headers_and_cookies_are_put_in_theirs() -> None:
    parameters = """
    - {name: X-Tags, in: header, schema: {type: array, items: {type: string}}}
    - {name: session, in: cookie, schema: {type: string}}
    - {name: theme, in: cookie, schema: {type: string}}
    """
    graph = a_subgraph(asking(parameters))
    sent = headers(graph, '{ it(X_Tags: ["a", "b"], session: "s 1", theme: "dark") }')
    assert sent == {"accept": "application/json", "x-tags": "a,b", "cookie": "session=s%201; theme=dark"}


def test_what_the_source_propagates_makes_the_call_private() -> None:
    rules = HeaderRules(lambda incoming: (("authorization", incoming.get("authorization", "")),), frozenset({"authorization"}))
    graph = a_subgraph(asking("[]"), rules)
    (chunk,) = chunks(graph, "{ it }", headers={"authorization": "Bearer x"})
    assert dict(chunk.call.headers)["authorization"] == "Bearer x"
    assert chunk.call.private
    assert graph.prepare(a_fetch(graph, "{ it }")).propagates == {"authorization"}


def test_the_call_is_described_by_its_template() -> None:
    graph = a_subgraph(asking("[{name: id, in: path, required: true, schema: {type: string}}]", "/it/{id}"))
    (chunk,) = chunks(graph, '{ it(id: "secret") }')
    assert (chunk.call.operation, chunk.call.method, chunk.call.body) == ("GET /it/{id}", "GET", None)


def test_the_declared_media_type_is_asked_for() -> None:
    document = asking("[]")
    content = document["paths"]["/it"]["get"]["responses"]["200"]["content"]
    content["application/vnd.api+json; charset=utf-8"] = content.pop("application/json")
    assert headers(a_subgraph(document), "{ it }")["accept"] == "application/vnd.api+json, application/json;q=0.9"


def search(version: str = "3.1.0") -> Subgraph:
    """A search by POST, with the words to look for in its body."""
    schema = {"type": "object", "required": ["first-name"], "properties": {"first-name": {"type": "string"}}}
    document = asking("[{name: q, in: query, schema: {type: string}}]", version=version)
    post = document["paths"]["/it"].pop("get")
    if version == "2.0":
        post["parameters"] = [{"name": "words", "in": "body", "required": True, "schema": schema}]
    else:
        post["requestBody"] = {"required": True, "content": {"text/xml": {}, "application/json": {"schema": schema}}}
    document["paths"]["/it"]["post"] = post
    return a_subgraph(document, options={"operations": {"POST /it": {"as": "query"}}})


def test_a_search_by_post_sends_its_body_as_json() -> None:
    (chunk,) = chunks(search(), 'query { it(q: "x", body: {first_name: $n}) }', variables={"n": "é"})
    assert chunk.call.url.endswith("/it?q=x")
    assert chunk.call.body == '{"first-name":"é"}'.encode()
    assert dict(chunk.call.headers)["content-type"] == "application/json"


def test_the_body_of_2_0_is_called_as_its_parameter() -> None:
    (chunk,) = chunks(search("2.0"), '{ it(words: {first_name: "x"}) }')
    assert chunk.call.body == b'{"first-name":"x"}'


# ---------------------------------------------------------------- servers


def test_the_configured_url_stands_for_every_server() -> None:
    document = asking("[]", servers=[{"url": "https://elsewhere.example.com"}])
    assert url(a_subgraph(document), "{ it }") == "/it"


def test_without_one_the_document_says_where_with_its_variables() -> None:
    server = {"url": "https://{host}/v{n}/", "variables": {"host": {"default": "a.example.com"}, "n": {"default": "1"}}}
    graph = a_subgraph(asking("[]", servers=[server]), url=None, options={"server_variables": {"n": "2"}})
    assert graph.url == "https://a.example.com/v2"
    assert chunks(graph, "{ it }")[0].call.url == "https://a.example.com/v2/it"


def test_an_operation_may_have_a_server_of_its_own() -> None:
    document = asking("[]", servers=[{"url": "https://a.example.com"}])
    document["paths"]["/it"]["get"]["servers"] = [{"url": "https://b.example.com"}]
    assert chunks(a_subgraph(document, url=None), "{ it }")[0].call.url == "https://b.example.com/it"


def test_a_relative_server_is_relative_to_the_document() -> None:
    graph = a_subgraph(asking("[]", servers=[{"url": "/v1"}]), url=None, schema="https://docs.example.com/api/openapi.json")
    assert chunks(graph, "{ it }")[0].call.url == "https://docs.example.com/v1/it"


def test_2_0_says_host_and_base_path() -> None:
    graph = a_subgraph(asking("[]", version="2.0", host="a.example.com", basePath="/v2", schemes=["http", "https"]), url=None)
    assert chunks(graph, "{ it }")[0].call.url == "https://a.example.com/v2/it"


# ---------------------------------------------------------------- credentials

SCHEMES = {
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
}


def secured(*alternatives: dict[str, list[str]], **credentials: dict[str, str]) -> Subgraph:
    document = asking("[]", components={"securitySchemes": SCHEMES}, security=list(alternatives))
    return a_subgraph(document, options={"credentials": credentials})


def test_credentials_are_put_where_the_scheme_says() -> None:
    every = {name: [] for name in SCHEMES if name != "basic"}
    graph = secured(every, header={"value": "h"}, query={"value": "q&"}, cookie={"value": "c"}, bearer={"value": "b"})
    assert url(graph, "{ it }") == "/it?key=q%26"
    sent = headers(graph, "{ it }")
    assert (sent["x-key"], sent["cookie"], sent["authorization"]) == ("h", "sid=c", "Bearer b")


def test_the_first_alternative_that_is_configured_is_used() -> None:
    graph = secured({"header": []}, {"basic": []}, {}, basic={"username": "u", "password": "p"})
    assert headers(graph, "{ it }") == {"accept": "application/json", "authorization": "Basic dTpw"}


def test_a_header_rule_wins_over_a_credential() -> None:
    document = asking("[]", components={"securitySchemes": SCHEMES}, security=[{"bearer": []}])
    rules = HeaderRules(lambda _: (("authorization", "Bearer ruled"),))
    assert (
        headers(a_subgraph(document, rules, options={"credentials": {"bearer": {"value": "b"}}}), "{ it }")["authorization"]
        == "Bearer ruled"
    )


def test_credentials_are_never_shown() -> None:
    graph = secured({"header": []}, header={"value": "hunter2"})
    assert "hunter2" not in repr(graph) + repr(graph.prepare)


# ---------------------------------------------------------------- by key

USERS = """
It: {type: object, properties: {data: {type: array, items: {$ref: User}}}}
User: {type: object, required: [id], properties: {id: {type: integer}, name: {type: string}}}
"""


def users(**keys: object) -> Subgraph:
    document = answering(USERS)
    ids = {
        "name": "id",
        "in": "query",
        "explode": False,
        "schema": {"type": "array", "maxItems": 50, "items": {"type": "integer"}},
    }
    document["paths"]["/it"]["get"]["parameters"] = [ids, {"name": "lang", "in": "query", "schema": {"type": "string"}}]
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/User"}}}
    parameters = [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}]
    answer = {"200": {"description": "ok", "content": content}}
    document["paths"]["/users/{id}"] = {"get": {"operationId": "getUser", "parameters": parameters, "responses": answer}}
    return a_subgraph(document, **keys)  # type: ignore[arg-type]


KEY = Input("key", ("user_id",), parse_type("Int"))


def test_without_a_batch_each_distinct_key_is_one_call() -> None:
    graph = users()
    entry = Entry("getUser", (KEY,), (Argument("id", input="key", type=parse_type("Int!")),))
    prepared = graph.prepare(a_fetch(graph, "{ getUser(id: 0) { name } }", entry))
    asked = chunks(graph, a_fetch(graph, "{ getUser(id: 0) { name } }", entry), [(1,), (2,)])
    assert (prepared.match, prepared.path) == ("one", ())
    assert [(chunk.call.url, list(chunk.keys)) for chunk in asked] == [
        ("http://stock.example.com/users/1", [0]),
        ("http://stock.example.com/users/2", [1]),
    ]


def batch(*arguments: Argument, max_: int = 100) -> Entry:
    many = Batch("it", "id", "id", ("data",), max_)
    return Entry("it", (KEY,), (Argument("id", input="key", type=parse_type("[Int!]")), *arguments), many)


def keyed(graph: Subgraph, entry: Entry) -> object:
    fetch = a_fetch(graph, "{ it { data { k: id name } } }", entry)
    (case,) = fetch.selection.cases
    return msgspec.structs.replace(fetch, selection=case.fields[0].selection)


def test_a_batch_asks_for_many_keys_at_once_and_matches_rows_by_their_key() -> None:
    graph = users()
    fetch = keyed(graph, batch())
    prepared = graph.prepare(fetch)  # type: ignore[arg-type]
    assert (prepared.match, prepared.path, prepared.key_field) == ("key", ("data",), "k")
    asked = chunks(graph, fetch, [(n,) for n in range(120)])  # type: ignore[arg-type]
    assert [list(chunk.keys) for chunk in asked] == [list(range(50)), list(range(50, 100)), list(range(100, 120))]
    assert asked[2].call.url == "http://stock.example.com/it?id=" + ",".join(str(n) for n in range(100, 120))


@pytest.mark.parametrize(("limit", "calls"), [(7, 15), (100, 2), (50, 2), (1, 100)])
def test_a_batch_is_as_large_as_configuration_and_document_both_allow(limit: int, calls: int) -> None:
    graph = users()
    assert len(chunks(graph, keyed(graph, batch(max_=limit)), [(n,) for n in range(100)])) == calls  # type: ignore[arg-type]


def test_a_batch_whose_url_would_be_too_long_is_split() -> None:
    graph = users()
    keys = [(10**400 + n,) for n in range(40)]
    asked = chunks(graph, keyed(graph, batch()), keys)  # type: ignore[arg-type]
    assert all(len(chunk.call.url) <= 8000 for chunk in asked)
    assert [n for chunk in asked for n in chunk.keys] == list(range(40))
    assert 2 < len(asked) < 6


def test_other_arguments_are_the_same_in_every_call_of_a_batch() -> None:
    graph = users()
    language = a_fetch(graph, 'query { it(lang: "en") { data { id } } }').selection.cases[0].fields[0].arguments[0]
    (chunk,) = chunks(graph, keyed(graph, batch(language)), [(1,), (2,)])  # type: ignore[arg-type]
    assert chunk.call.url.endswith("/it?lang=en&id=1,2")
