"""The supergraph as SDL: as clients see it, or with what each part comes from and who answers for it. Pure.

Own printing is needed because graphql-core's schema printer leaves applied directives out; its syntax tree printer does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec
from graphql import (
    ConstDirectiveNode,
    DefinitionNode,
    DirectiveDefinitionNode,
    FieldDefinitionNode,
    Node,
    SchemaExtensionNode,
    TypeDefinitionNode,
    parse,
    print_ast,
)

from gateway.composition.supergraph import Supergraph
from gateway.errors import Owner
from gateway.sources.base import Subgraph

QUERY = "Query"
N = TypeVar("N", bound=Node)
DIRECTIVES = '''
"""The source a type or field comes from."""
directive @signpost__source(
  name: String!
) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR | FIELD_DEFINITION

"""Who answers for a source, and how to reach them."""
directive @signpost__owner(
  source: String!
  team: String!
  url: String
  docs: String
  status_page: String
  contact: [String!]
) repeatable on SCHEMA

"""A field that joins two sources; it is no source's own."""
directive @signpost__link(to: String!) on FIELD_DEFINITION
'''


def print_schema(supergraph: Supergraph) -> str:
    """The schema clients see, with the directives its sources applied."""
    return print_ast(supergraph.document).strip() + "\n"


def print_sources(supergraph: Supergraph) -> str:
    """The same, with `@signpost__source`, `@signpost__owner`, and the origin directives each kind of source states."""
    parts = [DIRECTIVES.strip(), print_ast(_owners(supergraph.subgraphs.values()))]
    parts += (print_ast(_with_origin(node, supergraph)) for node in supergraph.document.definitions)
    return "\n\n".join(parts) + "\n"


def _owners(subgraphs: Iterable[Subgraph]) -> SchemaExtensionNode:
    directives = " ".join(f"@signpost__owner({_owner(s.name, s.owner)})" for s in subgraphs)
    node = parse(f"extend schema {directives}").definitions[0]
    assert isinstance(node, SchemaExtensionNode)
    return node


def _owner(source: str, owner: Owner) -> str:
    contact = [f"{way}: {value}" for way, value in owner.contact.items()]
    given = {"source": source, "team": owner.team, "url": owner.url, "docs": owner.docs, "status_page": owner.status_page}
    arguments = {**given, "contact": contact or None}
    return ", ".join(f"{name}: {_literal(value)}" for name, value in arguments.items() if value is not None)


def _literal(value: object) -> str:
    """A GraphQL string or list of strings; JSON's escapes are GraphQL's."""
    return msgspec.json.encode(value).decode()


# ---------------------------------------------------------------- where each part comes from


def _with_origin(node: DefinitionNode, supergraph: Supergraph) -> DefinitionNode:
    if isinstance(node, DirectiveDefinitionNode) or not isinstance(node, TypeDefinitionNode):
        return node
    name = node.name.value
    having = [s for s in supergraph.subgraphs.values() if _name_in(s, name) in s.types]
    own = [] if name == QUERY else [f"@signpost__source(name: {_literal(s.name)})" for s in having]
    changes: dict[str, Any] = {}
    if fields := getattr(node, "fields", None):
        changes["fields"] = tuple(_field(field, name, having, supergraph) for field in fields)
    if values := getattr(node, "values", None):
        changes["values"] = tuple(directed(value, _stated(having, f"{name}.{value.name.value}")) for value in values)
    return directed(node, [*own, *_stated(having, name)], **changes)


def _field(field: Any, parent: str, having: list[Subgraph], supergraph: Supergraph) -> Any:
    """A field says its source where its type has several, or is the query root, whose fields are each one source's."""
    name = field.name.value
    directives: list[str] = []
    if isinstance(field, FieldDefinitionNode):
        sources = supergraph.graph.fields.get((parent, name), {})
        if link := supergraph.graph.links.get((parent, name)):
            directives.append(f"@signpost__link(to: {_literal(f'{link.subgraph}.{link.via}')})")
        elif parent == QUERY or len(sources) < len(having):
            directives += (f"@signpost__source(name: {_literal(source)})" for source in sources)
    coordinate = f"{parent}.{name}"
    directives += _stated(having, coordinate)
    given = getattr(field, "arguments", None) or ()
    arguments = tuple(directed(each, _stated(having, f"{coordinate}({each.name.value}:)")) for each in given)
    return directed(field, directives, **({"arguments": arguments} if arguments else {}))


def _stated(having: Iterable[Subgraph], coordinate: str) -> list[str]:
    """What the sources themselves state about this coordinate, each statement once."""
    type_name, dot, rest = coordinate.partition(".")
    found = (s.origins.get(_name_in(s, type_name) + dot + rest) for s in having)
    return list(dict.fromkeys(text for text in found if text))


def _name_in(subgraph: Subgraph, name: str) -> str:
    return subgraph.query if name == QUERY else name


def directed(node: N, directives: Iterable[str], **changes: Any) -> N:
    """The node with these directives after its own. Nodes are shared by everyone, so it is a new one."""
    added = tuple(directive for text in directives for directive in _parsed(text))
    if not added and not changes:
        return node
    members: dict[str, Any] = {key: getattr(node, key) for key in node.keys if key != "loc"}
    return type(node)(**{**members, **changes, "directives": (*(members.get("directives") or ()), *added)})


def _parsed(text: str) -> tuple[ConstDirectiveNode, ...]:
    return tuple(parse(f"scalar X {text}", no_location=True).definitions[0].directives or ())  # type: ignore[attr-defined]  # a scalar has them
