"""The schema on paper: as clients see it, and with where everything comes from."""

from __future__ import annotations

import msgspec
from graphql import build_schema, parse

from gateway.composition import compose
from gateway.composition.print import print_schema, print_sources
from gateway.config.model import Link

from ..graphs import Service

BOOKS = '''
type Query { book(id: ID!): Book shelf(since: Date, filter: Filter): [Item!]! things: [Thing!] }
"""Something to read."""
type Book implements Item { id: ID! title: String! genre: Genre }
interface Item { id: ID! }
union Thing = Book
enum Genre { NOVEL POEM @deprecated(reason: "unread") }
input Filter { text: String = "a \\"b\\"" }
scalar Date @specifiedBy(url: "https://example.com/date")
'''
PEOPLE = "type Query { person(id: ID!): Person } type Person { id: ID! name: String! }"
ORIGINS = {
    "Query.book": '@rest(path: "/books/{id}")',
    "Query.book(id:)": '@param(in_: "path")',
    "Book": '@name(was: "book")',
    "Book.title": '@name(was: "book-title")',
    "Genre.POEM": '@name(was: "poem")',
}


def both() -> str:
    books = msgspec.structs.replace(Service("books", BOOKS).subgraph(), origins=ORIGINS)
    link = Link.model_validate({"field": "Book.owner", "to": "people.person", "with": {"id": "$id"}})
    return print_sources(compose([books, Service("people", PEOPLE).subgraph()], [link]))


def test_what_clients_see_keeps_descriptions_defaults_and_applied_directives() -> None:
    printed = print_schema(compose([Service("books", BOOKS).subgraph()]))
    assert build_schema(printed)
    assert '@deprecated(reason: "unread")' in printed
    assert '@specifiedBy(url: "https://example.com/date")' in printed
    assert '"""Something to read."""' in printed
    assert 'text: String = "a \\"b\\""' in printed


def test_each_source_is_there_with_its_owner() -> None:
    printed = both()
    parse(printed)
    for name in ("books", "people"):
        assert f'source: "{name}", team: "Team {name}", url: "http://{name}.example.com/graphql"' in printed
        assert f'contact: ["email: {name}@example.com"]' in printed


def test_root_fields_and_types_name_their_source() -> None:
    printed = both()
    assert 'person(id: ID!): Person @signpost__source(name: "people")' in printed
    assert 'interface Item @signpost__source(name: "books")' in printed
    assert 'union Thing @signpost__source(name: "books") = Book' in printed
    assert 'scalar Date @specifiedBy(url: "https://example.com/date") @signpost__source(name: "books")' in printed


def test_a_link_names_what_it_leads_to_and_no_source() -> None:
    assert 'owner: Person @signpost__link(to: "people.person")\n' in both()


def test_what_the_source_states_stands_at_its_place() -> None:
    printed = both()
    assert '@rest(path: "/books/{id}")' in printed
    assert 'id: ID! @param(in_: "path")' in printed
    assert 'type Book implements Item @signpost__source(name: "books") @name(was: "book")' in printed
    assert 'title: String! @name(was: "book-title")' in printed
    assert 'POEM @deprecated(reason: "unread") @name(was: "poem")' in printed


def test_printing_changes_nothing_in_the_supergraph() -> None:
    supergraph = compose([msgspec.structs.replace(Service("books", BOOKS).subgraph(), origins=ORIGINS)])
    before = print_schema(supergraph)
    print_sources(supergraph)
    assert print_schema(supergraph) == before
