"""Bytes of a GraphQL schema (SDL or an introspection answer) become a valid type system document, or every fault in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from graphql import (
    REMOVE,
    ConstDirectiveNode,
    DefinitionNode,
    DirectiveDefinitionNode,
    DocumentNode,
    GraphQLError,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    Visitor,
    build_ast_schema,
    parse,
    specified_directives,
    validate_schema,
    visit,
)
from graphql import Source as Text
from graphql.validation.validate import validate_sdl

from gateway.config.problem import ConfigError, Mark, Problem
from gateway.sources.base import Diagnostic
from gateway.sources.document import Document
from gateway.sources.graphql.introspected import document_of
from gateway.sources.reach import applied_directives
from gateway.sources.report import fault

if TYPE_CHECKING:
    from gateway.config.model import Source

TOKENS = 3_000_000
"""About 300 000 fields: far beyond any schema in use, and a bound on memory and time."""
LISTED = 50
"""Faults of one document that are told; the rest are counted."""
FEDERATION = frozenset({"key", "external", "requires", "provides", "shareable", "override", "link", "inaccessible", "extends"})
SPECIFIED = frozenset(directive.name for directive in specified_directives)
CONTACT = "contact"
"""Read without a definition, too: it says how to reach the owner (`contact.py`)."""
BOM = b"\xef\xbb\xbf"


class Parsed(msgspec.Struct, frozen=True):
    """A type system document that GraphQL finds valid."""

    document: DocumentNode
    applied: tuple[ConstDirectiveNode, ...] = ()
    """What is applied to the schema itself, defined or not."""
    diagnostics: tuple[Diagnostic, ...] = ()


def parse_schema(source: Source, document: Document) -> Parsed:
    """The document, valid. Directives applied but nowhere defined are left out, and told.

    Raises `ConfigError` with all faults, each with the place in the document where there is one.
    """
    text = document.text.removeprefix(BOM).strip()
    try:
        if text.startswith(b"{"):
            return _checked(source, document, document_of(text))
        return _sdl(source, document, text.decode())
    except UnicodeDecodeError as error:
        raise _refused(source, "SCHEMA_SYNTAX", f"{document.name} is not UTF-8 (byte {error.start})") from None
    except msgspec.DecodeError as error:
        raise _refused(source, "SCHEMA_SYNTAX", f"{document.name} is neither SDL nor an introspection answer: {error}") from None
    except RecursionError:
        raise _refused(source, "SCHEMA_INVALID", f"{document.name} is nested too deeply") from None
    except ExceptionGroup as faults:
        raise ConfigError(_problems(source, document, faults.exceptions)) from None


def _sdl(source: Source, document: Document, text: str) -> Parsed:
    """Parsed without locations, which cost memory as long as the nodes live; with them only to place a fault."""
    body = Text(text, document.name)
    try:
        parsed = parse(body, no_location=True, max_tokens=TOKENS)
        known, diagnostics = _without_undefined(parsed, document)
        if not _faults(known):
            return Parsed(known, _applied(parsed), diagnostics)
        located, _ = _without_undefined(parse(body, max_tokens=TOKENS), document)
    except GraphQLError as error:
        raise ConfigError(_problems(source, document, [error], "SCHEMA_SYNTAX")) from None
    raise ConfigError(_problems(source, document, _faults(located)))


def _checked(source: Source, document: Document, parsed: DocumentNode) -> Parsed:
    if faults := _faults(parsed):
        raise ConfigError(_problems(source, document, faults))
    return Parsed(parsed)


def _applied(document: DocumentNode) -> tuple[ConstDirectiveNode, ...]:
    nodes = (d for d in document.definitions if isinstance(d, SchemaDefinitionNode | SchemaExtensionNode))
    return tuple(directive for node in nodes for directive in node.directives or ())


def _faults(document: DocumentNode) -> Sequence[GraphQLError]:
    """What GraphQL itself finds wrong: first with the document, then with the schema it describes."""
    if faults := validate_sdl(document):
        return faults
    try:
        return validate_schema(build_ast_schema(document, assume_valid_sdl=True))
    except (GraphQLError, TypeError) as error:
        return [error if isinstance(error, GraphQLError) else GraphQLError(str(error))]


# ---------------------------------------------------------------- directives without a definition


class _Undefined(Visitor):
    """Removes directives that nothing defines, and counts them."""

    def __init__(self, defined: frozenset[str]) -> None:
        super().__init__()
        self.defined = defined
        self.found: dict[str, int] = {}

    def enter_directive(self, node: ConstDirectiveNode, *_: Any) -> Any:
        name = node.name.value
        if name in self.defined:
            return None
        self.found[name] = self.found.get(name, 0) + 1
        return REMOVE


def _without_undefined(document: DocumentNode, told: Document) -> tuple[DocumentNode, tuple[Diagnostic, ...]]:
    defined = {d.name.value for d in document.definitions if isinstance(d, DirectiveDefinitionNode)} | SPECIFIED
    if applied_directives(document.definitions) <= defined:
        return document, ()
    visitor = _Undefined(frozenset(defined))
    definitions: list[DefinitionNode] = [visit(definition, visitor) for definition in document.definitions]
    diagnostics = tuple(_diagnostic(name, count, told.name) for name, count in sorted(visitor.found.items()) if name != CONTACT)
    return replace(document, definitions=tuple(definitions)), diagnostics


def _diagnostic(name: str, count: int, document: str) -> Diagnostic:
    message = f"@{name} is applied ({count} times) but not defined; it is left out"
    if name in FEDERATION:
        message += ". For a federation subgraph use `kind: federation`"
    return Diagnostic("DIRECTIVE_UNDEFINED", document, message)


# ---------------------------------------------------------------- problems


def _problems(source: Source, document: Document, errors: Sequence[Exception], code: str = "SCHEMA_INVALID") -> list[Problem]:
    problems = [_problem(source, document, error, code) for error in errors[:LISTED]]
    if len(errors) > LISTED:
        problems.append(fault(source, code, f"{document.name} has {len(errors) - LISTED} more faults"))
    return problems


def _problem(source: Source, document: Document, error: Exception, code: str) -> Problem:
    message = getattr(error, "message", str(error))
    for place in getattr(error, "locations", None) or ():
        return fault(source, code, message, mark=Mark(document.name, place.line, place.column))
    return fault(source, code, f"{document.name}: {message}")


def _refused(source: Source, code: str, message: str) -> ConfigError:
    return ConfigError([fault(source, code, message)])
