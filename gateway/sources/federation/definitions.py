"""Rules for how a document speaks of federation: its links, its definitions of the spec's own, what it wants composed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from graphql import (
    ConstDirectiveNode,
    DirectiveDefinitionNode,
    DocumentNode,
    ScalarTypeDefinitionNode,
    ScalarTypeExtensionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    StringValueNode,
    TypeDefinitionNode,
    TypeNode,
    print_ast,
)

from gateway.sources.federation.read import Fault
from gateway.sources.federation.spec import DEFINITIONS, IDENTITY, LINK, SINCE_ONE, URL, Speech, definitions_of
from gateway.sources.reach import BUILT_IN, named

SPECS = ("core", "tag", "inaccessible", "cost", "context", "authenticated", "requiresScopes", "policy", "cacheTag")
KNOWN = frozenset({IDENTITY, LINK, *(f"https://specs.apollo.dev/{name}" for name in SPECS)})
"""Specifications that are acted on here. One that must not be ignored (`for:`) has to be one of these."""
SCALARS = frozenset(
    {"_Any", "_FieldSet", "FieldSet", "link__Import"} | {f"federation__{n}" for n in ("FieldSet", "Scope", "Policy")}
)
TEXTS = frozenset({"String", "ID", "Scope", "Policy", "_FieldSet", "FieldSet", "ContextFieldValue", "FieldValue"})
"""Spellings of a text in definitions of the specification: they are all strings on the wire."""


def definition_faults(document: DocumentNode, speech: Speech) -> Iterator[Fault]:
    yield from _link_faults(document, speech)
    for node in document.definitions:
        if isinstance(node, DirectiveDefinitionNode):
            yield from _directive_faults(node, speech)
        elif isinstance(node, TypeDefinitionNode):
            yield from _type_faults(node)
        if isinstance(node, ScalarTypeDefinitionNode | ScalarTypeExtensionNode) and node.name.value in BUILT_IN:
            for directive in node.directives or ():
                if speech.names.get(directive.name.value) == "inaccessible":
                    yield "DISALLOWED_INACCESSIBLE", f"{node.name.value} is built in and cannot be @inaccessible", node
    yield from _composed_faults(document, speech)


# ---------------------------------------------------------------- links


def _link_faults(document: DocumentNode, speech: Speech) -> Iterator[Fault]:
    for directive in _of_schema(document, "link"):
        url = next((a.value for a in directive.arguments or () if a.name.value == "url"), None)
        if not isinstance(url, StringValueNode) or URL.match(url.value) is None:
            told = url.value if isinstance(url, StringValueNode) else "nothing"
            yield "INVALID_LINK_IDENTIFIER", f"@link names {told}, which ends in no name and version (.../name/v1.0)", directive
    for link in speech.links:
        if link.identity == LINK and link.version != (1, 0):
            yield "UNKNOWN_LINK_VERSION", f"links to {LINK}/v{'.'.join(map(str, link.version))}; known here is v1.0", None
        elif link.purpose is not None and link.identity not in KNOWN:
            said = f"links to {link.identity} for {link.purpose}, so it must not be ignored; but it is not known here"
            yield "UNSUPPORTED_LINKED_FEATURE", said, None


def _of_schema(document: DocumentNode, name: str) -> Iterator[ConstDirectiveNode]:
    for node in document.definitions:
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
            yield from (d for d in node.directives or () if d.name.value == name)


# ---------------------------------------------------------------- definitions of the specification's own


def _directive_faults(node: DirectiveDefinitionNode, speech: Speech) -> Iterator[Fault]:
    standard = speech.names.get(node.name.value)
    if standard is None:
        for argument in node.arguments or ():
            applied = {speech.names.get(d.name.value) for d in argument.directives or ()}
            at = f"@{node.name.value}({argument.name.value}:)"
            if "inaccessible" in applied:
                yield "DISALLOWED_INACCESSIBLE", f"{at} is an argument of a directive and cannot be @inaccessible", argument
            if "fromContext" in applied:
                yield "CONTEXT_NOT_SET", f"{at} is an argument of a directive: there is no value above it to take", argument
        return
    known = _standard(standard)
    if known is None:
        return
    ours = {a.name.value: a for a in known.arguments or ()}
    theirs = {a.name.value: a for a in node.arguments or ()}
    wrong = [f"has no argument {name}" for name in theirs if name not in ours]
    wrong += [f"needs the argument {n}" for n, a in ours.items() if n not in theirs and print_ast(a.type).endswith("!")]
    wrong += [
        f"takes {print_ast(ours[name].type)} as {name}, not {print_ast(argument.type)}"
        for name, argument in theirs.items()
        if name in ours and not _alike(argument.type, ours[name].type)
    ]
    places = {place.value for place in known.locations}
    wrong += [f"does not stand on {p.value}" for p in node.locations if p.value not in places]
    for fault in wrong:
        said = f"@{node.name.value} is defined here, but the @{standard} of the specification {fault}"
        yield "DIRECTIVE_DEFINITION_INVALID", said, node


@lru_cache(maxsize=64)
def _standard(name: str) -> DirectiveDefinitionNode | None:
    return definitions_of([name])[0] if name in DEFINITIONS and name not in SINCE_ONE - {"key", "requires", "provides"} else None


def _alike(one: TypeNode, other: TypeNode) -> bool:
    """The same kind of value, required or not: old libraries print it either way."""
    names = [named(node).removeprefix("federation__") for node in (one, other)]
    same = names[0] == names[1] or all(name in TEXTS for name in names)
    return same and print_ast(one).count("[") == print_ast(other).count("[")


def _type_faults(node: TypeDefinitionNode) -> Iterator[Fault]:
    name = node.name.value
    if name in SCALARS and not isinstance(node, ScalarTypeDefinitionNode):
        yield "TYPE_DEFINITION_INVALID", f"{name} is defined here, but in the specification it is a scalar", node


# ---------------------------------------------------------------- @composeDirective


def _composed_faults(document: DocumentNode, speech: Speech) -> Iterator[Fault]:
    spelled = {ours for ours, standard in speech.names.items() if standard == "composeDirective"}
    defined = {d.name.value for d in document.definitions if isinstance(d, DirectiveDefinitionNode)}
    for name in spelled:
        for directive in _of_schema(document, name):
            yield from _compose_fault(directive, defined, speech)


def _compose_fault(directive: ConstDirectiveNode, defined: Iterable[str], speech: Speech) -> Iterator[Fault]:
    value = next((a.value for a in directive.arguments or () if a.name.value == "name"), None)
    told = value.value if isinstance(value, StringValueNode) else ""
    bare = told.removeprefix("@")
    if not told.startswith("@"):
        said = f'@composeDirective names "{told}": a directive is named with its @'
    elif bare in speech.names:
        said = f"@composeDirective names {told}, which is federation's own: it is composed by its own rules"
    elif bare not in defined:
        said = f"@composeDirective names {told}, which is not defined here"
    else:
        return
    yield "DIRECTIVE_COMPOSITION_ERROR", said, directive
