"""`kind: federation`: a federation subgraph, by its SDL (a file or URL) or by its own `_service { sdl }`.

document  →  spec (which federation, which names)  →  read (types and facts)  →  checked  →  lookups by key  →  Subgraph
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from graphql import (
    DocumentNode,
    FieldDefinitionNode,
    GraphQLError,
    Node,
    OperationType,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    TypeDefinitionNode,
    build_ast_schema,
    parse,
    validate_schema,
)
from graphql import Source as Text

from gateway.config.model.part import Part, setting
from gateway.config.problem import ConfigError, Mark, Problem
from gateway.sources.base import Facts, Lookup, Subgraph
from gateway.sources.document import INTROSPECT, Document, read_document
from gateway.sources.federation.definitions import definition_faults
from gateway.sources.federation.read import Fault, Read, read, unknown_directives, used
from gateway.sources.federation.sdl import read_sdl
from gateway.sources.federation.spec import Speech, definitions_of, speech_of
from gateway.sources.graphql.contact import with_contact
from gateway.sources.graphql.operation import Terms
from gateway.sources.graphql.parse import BOM, TOKENS
from gateway.sources.graphql.prepare import Post, preparer
from gateway.sources.lookups import read_lookups
from gateway.sources.prefix import prefixed
from gateway.sources.reach import exposed, fields_of, possible_types, pruned
from gateway.sources.report import fault, nearest
from gateway.upstream.call import Send, Sends

if TYPE_CHECKING:
    from gateway.config.model import Source

ENTITIES = "_entities"
ENTITIES_PER_CALL = 1000
MESSAGES = 50
PLACEHOLDER = "type Query { _service: String }"


class Options(Part):
    """What a federation subgraph takes at once."""

    entities_per_call: int = setting(
        ENTITIES_PER_CALL, "Entities asked for in one `_entities` call.", ge=1, le=100_000, strict=True
    )


async def load(source: Source, sends: Sends) -> tuple[Subgraph, ...]:
    """The service as one subgraph. Raises `ConfigError` with all that is wrong, `SchemaMissing` when there is no document."""
    if not source.url:
        raise ConfigError([fault(source, "SOURCE_URL_MISSING", "a subgraph needs a url to send its queries to", ())])
    introspected = source.schema_.from_ == INTROSPECT
    document = await (read_sdl(source, sends) if introspected else read_document(source, sends))
    return (await asyncio.to_thread(subgraph, source, document, Post(source.url, sends.headers), sends.data),)


def subgraph(source: Source, document: Document, post: Post, send: Send) -> Subgraph:
    """The document as a subgraph. Slow for a large one: not on the event loop."""
    told, roots, faults = _read(parsed_of(source, document))
    if faults:  # again, with the places in the document, which cost memory as long as the nodes live
        raise ConfigError(_problems(source, document, _read(parsed_of(source, document, located=True))[2]))
    return assemble(source, document, told, roots, post, send)


def _read(parsed: DocumentNode) -> tuple[Read, dict[OperationType, str], list[Fault]]:
    speech, roots = speech_of(parsed.definitions), _roots(parsed)
    told = read(parsed, speech, roots[OperationType.QUERY])
    return told, roots, _faults(parsed, speech, told, roots[OperationType.QUERY])


def assemble(source: Source, document: Document, told: Read, roots: dict[OperationType, str], post: Post, send: Send) -> Subgraph:
    """What was read, as a subgraph: exposed, with its lookups, renamed where a prefix says so."""
    query = roots[OperationType.QUERY]
    entities = [name for name, keys in told.facts.keys.items() if name in told.types and keys]
    lookups, problems = read_lookups(source, told.types, query)
    problems = (*problems, *_unknown_exposed(source, told, query))
    if problems:
        raise ConfigError(problems)
    root = told.types[query]
    writes = frozenset(roots[operation] for operation in (OperationType.MUTATION, OperationType.SUBSCRIPTION))
    types = {name: _asked(name, node, told.facts) for name, node in told.types.items() if name not in writes or name == query}
    if source.expose is not None:
        types = pruned(types, exposed(root, source.expose), entities)  # type: ignore[arg-type]  # the query root is an object type
    whole = Subgraph(
        name=source.name,
        kind=source.kind,
        url=post.url,
        owner=with_contact(source.owner, told.applied),
        types=types,
        query=query,
        directives=(*told.directives, *definitions_of(used(types))),
        prepare=preparer(Terms(told.types, query, possible_types(told.types)), post),
        send=send,
        lookups=(*lookups, *key_lookups(told.facts)),
        facts=told.facts,
        refused={f.name.value: f for f in fields_of(told.types.get(roots[OperationType.MUTATION]))},
        unexposed=_unexposed(told, types, query),
        subscriptions={f.name.value: f for f in fields_of(told.types.get(roots[OperationType.SUBSCRIPTION]))},
        available=document.available,
        per_operation=source.policy.concurrency.per_operation,
        entities_per_call=getattr(source.options, "entities_per_call", ENTITIES_PER_CALL),
    )
    return prefixed(source, whole)


def _asked(name: str, node: TypeDefinitionNode, facts: Facts) -> TypeDefinitionNode:
    """The type without the arguments whose value comes from a context: nobody is asked for them."""
    if not any(parent == name for parent, _ in facts.from_context):
        return node
    fields = []
    for field in fields_of(node):
        given = {argument.name for argument in facts.from_context.get((name, field.name.value), ())}
        fields.append(replace(field, arguments=tuple(a for a in field.arguments or () if a.name.value not in given)))
    return replace(node, fields=tuple(fields))  # type: ignore[call-arg]  # it has fields


def key_lookups(facts: Facts) -> tuple[Lookup, ...]:
    """Every key by which this subgraph gives the rest of an entity."""
    return tuple(
        Lookup(name, key.text, ENTITIES, "representations", fields=key.fields)
        for name, keys in facts.keys.items()
        for key in keys
        if key.resolvable
    )


# ---------------------------------------------------------------- the document


def parsed_of(source: Source, document: Document, *, located: bool = False) -> DocumentNode:
    """The document's syntax. Raises `ConfigError`."""
    try:
        text = document.text.removeprefix(BOM).decode()
        return parse(Text(text, document.name), no_location=not located, max_tokens=TOKENS)
    except UnicodeDecodeError as error:
        message = f"{document.name} is not UTF-8 (byte {error.start})"
    except RecursionError:
        message = f"{document.name} is nested too deeply"
    except GraphQLError as error:
        place = next(iter(error.locations or ()), None)
        mark = Mark(document.name, place.line, place.column) if place else None
        raise ConfigError([fault(source, "SCHEMA_SYNTAX", error.message, mark=mark)]) from None
    raise ConfigError([fault(source, "SCHEMA_SYNTAX", message)])


def _roots(document: DocumentNode) -> dict[OperationType, str]:
    said = {
        operation.operation: operation.type.name.value
        for node in document.definitions
        if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode)
        for operation in node.operation_types or ()
    }
    return {operation: said.get(operation, operation.value.capitalize()) for operation in OperationType}


def _faults(document: DocumentNode, speech: Speech, told: Read, query: str) -> list[Fault]:
    faults: list[Fault] = [(code, message, None) for code, message in speech.faults]
    faults += told.faults
    faults += definition_faults(document, speech)
    for name, node in unknown_directives(document, speech).items():
        faults.append(("INVALID_GRAPHQL", f"@{name} is applied but neither defined nor part of the federation spec", node))
    return faults or [("INVALID_GRAPHQL", getattr(e, "message", str(e)), _node(e)) for e in _invalid(told, query)]


def _invalid(told: Read, query: str) -> Sequence[Exception]:
    """What GraphQL itself has against the types. A root without fields is fine: a subgraph may only add to others."""
    types = dict(told.types)
    if not fields_of(types[query]):
        types[query] = parse(PLACEHOLDER.replace("Query", query)).definitions[0]  # type: ignore[assignment]  # a type definition
    definitions = (*told.directives, *definitions_of(used(types)), *types.values())
    schema = parse(f"schema {{ query: {query} }}").definitions
    try:
        return list(validate_schema(build_ast_schema(DocumentNode(definitions=(*schema, *definitions)), assume_valid_sdl=True)))
    except (GraphQLError, TypeError) as error:
        return [error]


def _node(error: Exception) -> Node | None:
    return next(iter(getattr(error, "nodes", None) or ()), None)


def _problems(source: Source, document: Document, faults: Sequence[Fault]) -> list[Problem]:
    problems = []
    for code, message, node in faults[:MESSAGES]:
        mark = None
        if node is not None and (loc := node.loc) is not None:
            mark = Mark(document.name, loc.start_token.line, loc.start_token.column)
        problems.append(fault(source, code, message, mark=mark))
    if len(faults) > MESSAGES:
        problems.append(fault(source, "INVALID_GRAPHQL", f"{document.name} has {len(faults) - MESSAGES} more faults"))
    return problems


def _unknown_exposed(source: Source, told: Read, query: str) -> list[Problem]:
    known = {f.name.value: f for f in fields_of(told.types[query])}
    return [
        fault(source, "EXPOSE_UNKNOWN", f"{name} is not a root field of this source", ("expose", i), fix=nearest(name, known))
        for i, name in enumerate(source.expose or ())
        if name not in known
    ]


def _unexposed(told: Read, types: object, query: str) -> dict[str, FieldDefinitionNode]:
    shown = {f.name.value for f in fields_of(types[query])}  # type: ignore[index]  # the types that remain
    return {f.name.value: f for f in fields_of(told.types[query]) if f.name.value not in shown}
