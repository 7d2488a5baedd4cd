"""Which federation a document speaks, and under which names it speaks of it (`@link`; Apollo's link and federation specs).

A document without a link to the federation spec is Federation 1. What a link imports can be renamed; what it does not import
is spelled with the spec's own prefix (`@federation__key`). Everything further on sees the standard names only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from graphql import (
    ConstDirectiveNode,
    ConstValueNode,
    DefinitionNode,
    ListValueNode,
    ObjectValueNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    StringValueNode,
    parse,
)
from graphql.language import DirectiveDefinitionNode

IDENTITY = "https://specs.apollo.dev/federation"
LINK = "https://specs.apollo.dev/link"
URL = re.compile(r"(?P<identity>.*)/v(?P<major>\d+)\.(?P<minor>\d+)/?$")
LATEST = (2, 14)
"""The newest version of the federation spec whose directives are known here."""

KEPT = frozenset({"tag", "cost", "listSize", "authenticated", "requiresScopes", "policy"})
"""Directives of the spec that stay on the types; the others become facts."""

DEFINITIONS = {
    "key": (2, 0, "directive @key(fields: String!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE"),
    "requires": (2, 0, "directive @requires(fields: String!) on FIELD_DEFINITION"),
    "provides": (2, 0, "directive @provides(fields: String!) on FIELD_DEFINITION"),
    "external": (2, 0, "directive @external(reason: String) on OBJECT | FIELD_DEFINITION"),
    "shareable": (2, 0, "directive @shareable repeatable on OBJECT | FIELD_DEFINITION"),
    "extends": (2, 0, "directive @extends on OBJECT | INTERFACE"),
    "override": (2, 0, "directive @override(from: String!, label: String) on FIELD_DEFINITION"),
    "inaccessible": (
        2, 0,
        "directive @inaccessible on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION | SCALAR | ENUM"
        " | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION",
    ),
    "tag": (
        2, 0,
        "directive @tag(name: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE | UNION | ARGUMENT_DEFINITION"
        " | SCALAR | ENUM | ENUM_VALUE | INPUT_OBJECT | INPUT_FIELD_DEFINITION | SCHEMA",
    ),
    "composeDirective": (2, 1, "directive @composeDirective(name: String!) repeatable on SCHEMA"),
    "interfaceObject": (2, 3, "directive @interfaceObject on OBJECT"),
    "authenticated": (2, 5, "directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM"),
    "requiresScopes": (
        2, 5, "directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM"
    ),
    "policy": (2, 6, "directive @policy(policies: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM"),
    "context": (2, 8, "directive @context(name: String!) repeatable on OBJECT | INTERFACE | UNION"),
    "fromContext": (2, 8, "directive @fromContext(field: String) on ARGUMENT_DEFINITION"),
    "cost": (
        2, 9,
        "directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT"
        " | SCALAR",
    ),
    "listSize": (
        2, 9,
        "directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!],"
        " requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION",
    ),
    "cacheTag": (2, 12, "directive @cacheTag(format: String!) repeatable on FIELD_DEFINITION | OBJECT | INTERFACE"),
}  # fmt: skip
"""directive → the version it came with, and its definition."""

SINCE_ONE = frozenset({"key", "requires", "provides", "external", "extends", "tag", "inaccessible"})
"""What Federation 1 has of them."""
OWN_TYPES = frozenset(
    {"_Any", "_FieldSet", "_Entity", "_Service", "FieldSet", "Import", "Purpose", "Scope", "Policy", "ContextArgument"}
)


class Link(msgspec.Struct, frozen=True):
    """One `@link`: a spec, its version, and the local name of each thing imported from it."""

    identity: str
    version: tuple[int, int]
    prefix: str
    imports: Mapping[str, str] = {}
    """name in the spec (`@key`) → name here (`@key`)."""
    purpose: str | None = None
    """SECURITY or EXECUTION: not to be ignored by whoever does not know it."""


class Speech(msgspec.Struct, frozen=True):
    """How a document speaks of federation. `version` is (1, 0) without a link."""

    version: tuple[int, int]
    names: Mapping[str, str]
    """directive as it is spelled here → its standard name."""
    prefixes: tuple[str, ...]
    faults: tuple[tuple[str, str], ...] = ()
    """(code, message) of what is wrong with the links."""
    links: tuple[Link, ...] = ()

    @property
    def first(self) -> bool:
        return self.version[0] == 1


def speech_of(definitions: Iterable[DefinitionNode]) -> Speech:
    """Reads the links of a document."""
    links = links_of(definitions)
    federation = next((link for link in links if link.identity == IDENTITY), None)
    if federation is None:
        return Speech((1, 0), {name: name for name in SINCE_ONE}, ("federation__", "link__"), links=links)
    faults: list[tuple[str, str]] = []
    if not (2, 0) <= federation.version <= LATEST:
        spelled = ".".join(map(str, federation.version))
        known = ".".join(map(str, LATEST))
        faults.append(("UNKNOWN_FEDERATION_LINK_VERSION", f"links to federation v{spelled}; known here are v2.0 to v{known}"))
    names = {f"{federation.prefix}__{name}": name for name in DEFINITIONS}
    for theirs, ours in federation.imports.items():
        bare = theirs.removeprefix("@")
        if theirs.startswith("@") and bare not in DEFINITIONS:
            faults.append(("INVALID_LINK_DIRECTIVE_USAGE", f'imports "{theirs}", which the federation spec does not have'))
        elif theirs.startswith("@") and DEFINITIONS[bare][:2] > federation.version and not faults:
            version = "v{}.{}".format(*DEFINITIONS[bare][:2])
            faults.append(
                ("INVALID_LINK_DIRECTIVE_USAGE", f'imports "{theirs}", which came with {version} of the federation spec')
            )
        else:
            names[ours.removeprefix("@")] = bare
    return Speech(federation.version, names, (f"{federation.prefix}__", "link__"), tuple(faults), links)


def links_of(definitions: Iterable[DefinitionNode]) -> tuple[Link, ...]:
    """Every `@link` or `@core` on the schema whose URL names a version."""
    return tuple(link for link in map(_link, _applied(definitions)) if link is not None)


def _applied(definitions: Iterable[DefinitionNode]) -> Iterable[ConstDirectiveNode]:
    for node in definitions:
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
            yield from (d for d in node.directives or () if d.name.value in ("link", "core"))


def _link(directive: ConstDirectiveNode) -> Link | None:
    arguments = {a.name.value: a.value for a in directive.arguments or ()}
    url = arguments.get("url") or arguments.get("feature")
    matched = URL.match(url.value) if isinstance(url, StringValueNode) else None
    if matched is None:
        return None
    identity = matched["identity"]
    alias = arguments.get("as")
    prefix = alias.value if isinstance(alias, StringValueNode) else identity.rpartition("/")[2]
    purpose = getattr(arguments.get("for"), "value", None)
    return Link(identity, (int(matched["major"]), int(matched["minor"])), prefix, _imports(arguments.get("import")), purpose)


def _imports(value: ConstValueNode | None) -> dict[str, str]:
    imports: dict[str, str] = {}
    for item in value.values if isinstance(value, ListValueNode) else ():
        if isinstance(item, StringValueNode):
            imports[item.value] = item.value
        elif isinstance(item, ObjectValueNode):
            told: dict[str, Any] = {f.name.value: getattr(f.value, "value", "") for f in item.fields}
            imports[str(told.get("name", ""))] = str(told.get("as") or told.get("name", ""))
    return imports


def definitions_of(names: Iterable[str]) -> tuple[DirectiveDefinitionNode, ...]:
    """The spec's own definitions of these directives."""
    document = parse("\n".join(DEFINITIONS[name][2] for name in sorted(names)) or "scalar _", no_location=True)
    return tuple(d for d in document.definitions if isinstance(d, DirectiveDefinitionNode))
