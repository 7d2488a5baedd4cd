"""What was made of a document at an earlier start, as data: all that a `Subgraph` needs, nothing that is secret.

Types stay packed and operations stay bytes until somebody asks for them. Credentials and addresses are put in at every start,
from the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from graphql import TypeNode, print_ast

from gateway.sources.base import Diagnostic, Wire
from gateway.sources.openapi.build import Setting
from gateway.sources.openapi.dispatch import Tell
from gateway.sources.openapi.draft import Draft
from gateway.sources.openapi.endpoint import Endpoint
from gateway.sources.openapi.operations import Operation
from gateway.sources.openapi.options import Operation as OperationOptions
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.parameters import Parameter
from gateway.sources.openapi.references import NOWHERE, Node, References
from gateway.sources.openapi.security import secrets_of
from gateway.sources.openapi.servers import base_url
from gateway.sources.packed import Entry, PackedField, type_of

ROOT = ("info", "externalDocs", "servers", "security", "securityDefinitions", "schemes", "host", "basePath")
"""What of a document is needed after it was built, besides its security schemes."""


class KeptParameter(msgspec.Struct, array_like=True, frozen=True):
    """A parameter without the document's words on it."""

    name: str
    argument: str
    place: str
    required: bool
    style: str
    explode: bool
    reserved: bool
    content: str


class KeptOperation(msgspec.Struct, array_like=True, frozen=True):
    """An endpoint without what the configuration says: its address and credentials are found anew."""

    method: str
    path: str
    kind: str
    media: str
    parameters: tuple[KeptParameter, ...]
    node: dict[str, Any]
    """Servers and security of the operation."""
    item: dict[str, Any]
    """Servers of its path."""
    result: str | None
    types: dict[str, str]
    not_found: str | None = None
    failures: frozenset[str] = frozenset()
    answers: frozenset[str] = frozenset()
    defaults: dict[str, Any] = {}
    limits: dict[str, int] = {}


class KeptWire(msgspec.Struct, array_like=True, frozen=True):
    """`Wire`, and how arguments are spelled, with keys that every format knows."""

    names: tuple[tuple[str, str, str], ...]
    values: dict[str, tuple[tuple[Any, str], ...]]
    sent: dict[str, dict[str, Any]]
    scalars: dict[str, str]
    tells: dict[str, Tell]
    wraps: dict[str, str]
    entries: frozenset[str]
    open_enums: frozenset[str]
    rest: dict[str, str]

    def wire(self, options: Options) -> Wire:
        return Wire(
            names=self.spelled(),
            values={name: dict(pairs) for name, pairs in self.values.items()},
            scalars=self.scalars,
            dispatch={name: tell.dispatch() for name, tell in self.tells.items()},
            wraps=self.wraps,
            entries=self.entries,
            open_enums=self.open_enums,
            rest=self.rest,
            coerce=frozenset(options.coerce),
            response_keys=False,
            absent_is_null=True,
        )

    def spelled(self) -> dict[tuple[str, str], str]:
        return {(owner, field): was for owner, field, was in self.names}


def kept_wire(draft: Draft) -> KeptWire:
    return KeptWire(
        names=tuple((*at, was) for at, was in draft.names.items()),
        values={name: tuple(values.items()) for name, values in draft.values.items()},
        sent=draft.sent,
        scalars=draft.scalars,
        tells=draft.tells,
        wraps=draft.wraps,
        entries=frozenset(draft.entries),
        open_enums=frozenset(draft.open_enums),
        rest=draft.rest,
    )


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """A document as it was built, under one setting."""

    version: tuple[int, int]
    root: dict[str, Any]
    files: dict[str, str]
    """Files beside the document → their digest; an empty one: it could not be read."""
    index: dict[str, Entry]
    text: bytes
    """All types, as `packed.pack` made them."""
    unexposed: dict[str, PackedField]
    operations: dict[str, msgspec.Raw]
    wire: KeptWire
    refused: dict[str, str]
    """Mutations → `POST /path`."""
    origins: msgspec.Raw
    links: tuple[dict[str, Any], ...]
    diagnostics: tuple[Diagnostic, ...]


def kept_operation(endpoint: Endpoint, operation: Operation) -> KeptOperation:
    return KeptOperation(
        method=endpoint.method,
        path=endpoint.path,
        kind=endpoint.kind,
        media=endpoint.media,
        parameters=tuple(_parameter(each) for each in endpoint.parameters),
        node={key: operation.node.value[key] for key in ("servers", "security") if key in operation.node.value},
        item={key: operation.item.value[key] for key in ("servers",) if key in operation.item.value},
        result=_text(endpoint.result),
        types={name: _text(node) or "" for name, node in endpoint.types.items()},
        not_found=endpoint.not_found,
        failures=endpoint.failures,
        answers=endpoint.answers,
        defaults=endpoint.defaults,
        limits=endpoint.limits,
    )


def _parameter(each: Parameter) -> KeptParameter:
    return KeptParameter(
        each.name, each.argument, each.place, each.required, each.style, each.explode, each.reserved, each.content
    )


def _text(node: TypeNode | None) -> str | None:
    return None if node is None else print_ast(node)


class Endpoints(Mapping[str, Endpoint]):
    """The endpoints of a kept document, each made when it is first asked for."""

    def __init__(self, kept: Mapping[str, msgspec.Raw], references: References, setting: Setting) -> None:
        self._kept = kept
        self._references = references
        self._setting = setting
        self._made: dict[str, Endpoint] = {}

    def __getitem__(self, field: str) -> Endpoint:
        if (made := self._made.get(field)) is None:
            kept = _operation.decode(self._kept[field])
            made = self._made[field] = self._endpoint(field, kept)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def _endpoint(self, field: str, kept: KeptOperation) -> Endpoint:
        setting, references = self._setting, self._references
        operation = Operation(field, kept.method, kept.path, Node(kept.node, ""), Node(kept.item, ""), OperationOptions())
        return Endpoint(
            field=field,
            method=kept.method,
            base=base_url(references, operation, setting.options, setting.url, setting.document_url),
            path=kept.path,
            parameters=tuple(_opened(each) for each in kept.parameters),
            kind=kept.kind,
            media=kept.media,
            secrets=secrets_of(references, operation, setting.options),
            not_found=kept.not_found,
            failures=kept.failures,
            answers=kept.answers,
            result=None if kept.result is None else type_of(kept.result),
            types={name: type_of(text) for name, text in kept.types.items()},
            defaults=kept.defaults,
            limits=kept.limits,
        )


_operation = msgspec.msgpack.Decoder(KeptOperation)


def _opened(kept: KeptParameter) -> Parameter:
    return Parameter(
        name=kept.name,
        argument=kept.argument,
        place=kept.place,
        required=kept.required,
        style=kept.style,
        explode=kept.explode,
        schema=NOWHERE,
        node=NOWHERE,
        reserved=kept.reserved,
        content=kept.content,
    )


class Origins(Mapping[str, str]):
    """The origin directives: read as a whole when somebody prints them."""

    def __init__(self, text: msgspec.Raw) -> None:
        self._text = text
        self._read: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._read is None:
            self._read = msgspec.msgpack.decode(self._text, type=dict[str, str])
        return self._read

    def __getitem__(self, coordinate: str) -> str:
        return self._all()[coordinate]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def skeleton(references: References, schemes: Mapping[str, Node]) -> dict[str, Any]:
    """A document of what is still needed of this one; its security schemes without references."""
    root = {key: references.root.value[key] for key in ROOT if key in references.root.value and key != "securityDefinitions"}
    known = {name: node.value for name, node in schemes.items()}
    place = {"securityDefinitions": known} if references.version.swagger else {"components": {"securitySchemes": known}}
    return root | place
