"""What every kind of source becomes: a `Subgraph`, and the nouns that planning uses to ask it for something.

A kind is a module with `Options` (a pydantic model) and `async load(source, sends) -> tuple[Subgraph, ...]`; `sources.KINDS`
names it. Types are graphql-core definition nodes, exactly as the source has them: they merge, print and build from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from graphql import (
    DirectiveDefinitionNode,
    FieldDefinitionNode,
    SelectionSetNode,
    TypeDefinitionNode,
    TypeNode,
)

from gateway.errors import Owner, SourceError
from gateway.sources.asked import (
    Argument,
    Batch,
    Case,
    Deferral,
    Entry,
    Fetch,
    Field,
    Input,
    Page,
    Representation,
    Selection,
)
from gateway.upstream.call import Call, Propagated, Reply, Request, Send, Stream
from gateway.upstream.layers.cache.items import Items

if TYPE_CHECKING:
    from gateway.config.model import Link

__all__ = [
    "QUERY",
    "SUBSCRIPTION",
    "Argument",
    "Batch",
    "Case",
    "Chunk",
    "Contextual",
    "Coordinate",
    "Deferral",
    "Diagnostic",
    "Dispatch",
    "Entry",
    "Facts",
    "Fetch",
    "Field",
    "Input",
    "Key",
    "Lookup",
    "Override",
    "Page",
    "Prepare",
    "Prepared",
    "Pruner",
    "Representation",
    "Selection",
    "Subgraph",
    "Wire",
]

QUERY, SUBSCRIPTION = "Query", "Subscription"
"""The roots as the supergraph calls them."""

# ---------------------------------------------------------------- what a source offers


class Lookup(msgspec.Struct, frozen=True):
    """One way to reach a type of this subgraph by key: root field `via`, whose argument `arg` takes the type's `key` field."""

    type: str
    key: str
    via: str
    arg: str
    batch: Batch | None = None
    fields: SelectionSetNode | None = None
    """A key of several or nested fields: it goes out as one object, a representation, which `via` takes a list of."""


Coordinate = tuple[str, str]
"""(type, field)."""


class Key(msgspec.Struct, frozen=True):
    """Fields that identify a type's values. `resolvable`: this subgraph gives the rest of the value for them."""

    fields: SelectionSetNode
    text: str
    resolvable: bool = True


class Override(msgspec.Struct, frozen=True):
    """This subgraph answers a field instead of subgraph `source`; with a `label`, only for some of the requests."""

    source: str
    label: str | None = None


class Contextual(msgspec.Struct, frozen=True):
    """An argument that clients do not see: its value is what `selection` finds on the nearest type above that sets `context`."""

    name: str
    type: TypeNode
    context: str
    selection: SelectionSetNode
    has_default: bool = False


class Facts(msgspec.Struct, frozen=True):
    """What a subgraph states about how its types join with those of others. Coordinates are its own."""

    keys: Mapping[str, tuple[Key, ...]] = {}
    external: frozenset[Coordinate] = frozenset()
    """Fields of others: named here for keys and requirements, answered only where provided."""
    shareable: frozenset[Coordinate] = frozenset()
    requires: Mapping[Coordinate, SelectionSetNode] = {}
    """What has to be sent along for this subgraph to answer the field."""
    provides: Mapping[Coordinate, SelectionSetNode] = {}
    """Below this field, these external fields are answered after all."""
    overrides: Mapping[Coordinate, Override] = {}
    interface_objects: frozenset[str] = frozenset()
    """Object types that stand for an interface of others: the values' own types are not known here."""
    inaccessible: frozenset[str] = frozenset()
    """Schema coordinates that clients do not see."""
    contexts: Mapping[str, tuple[str, ...]] = {}
    """context → the types that set it."""
    from_context: Mapping[Coordinate, tuple[Contextual, ...]] = {}
    """field → its arguments that come from a context."""
    extended: frozenset[str] = frozenset()
    """Types that are only extended here."""
    shareable_twice: tuple[Coordinate, ...] = ()
    interface_keys: bool = True
    """The version of the specification that it speaks has keys on interfaces."""
    composed: bool = False
    """Comes out of a composed supergraph: what a composer checks has been checked."""
    shares: bool = False
    """All that can be shared is (Federation 1)."""


class Dispatch(msgspec.Struct, frozen=True):
    """How a value of an abstract type says what it is: a property with a mapping, or else its structure."""

    property: str | None = None
    mapping: Mapping[str, str] = {}
    """Value of the property → type name. A value that is not here is drift."""
    resolve: Callable[[Any], str | None] | None = None
    """For values without such a property: the type's name, or None when nothing fits."""


class Wire(msgspec.Struct, frozen=True):
    """How a subgraph's JSON spells its types; everything not named here is spelled as in the schema."""

    names: Mapping[tuple[str, str], str] = {}
    """(type, field) → property, where the field's name had to be escaped."""
    types: Mapping[str, str] = {}
    """`__typename` on the wire → type name here, where a prefix renamed it."""
    values: Mapping[str, Mapping[Any, str]] = {}
    """enum → JSON value → enum value, for enums whose values had to be escaped."""
    scalars: Mapping[str, str] = {}
    """scalar → how its JSON is checked: Int Float String Boolean ID Int64 Any (absent: Any)."""
    dispatch: Mapping[str, Dispatch] = {}
    """abstract type → how to tell; absent: by `__typename`."""
    wraps: Mapping[str, str] = {}
    """object type made only to carry a non-object union member → its one field."""
    entries: frozenset[str] = frozenset()
    """object types `{key value}` that spell the members of a JSON map; a list of them is an object on the wire."""
    open_enums: frozenset[str] = frozenset()
    """enums of which a value that is not known is null; their fields are nullable."""
    rest: Mapping[str, str] = {}
    """object type → the field that has all members of its JSON which no other field declares."""
    coerce: frozenset[str] = frozenset()
    """What is taken for a declared type besides itself: number_from_string, string_from_number, single_to_list."""
    response_keys: bool = True
    """The upstream answers under the keys it is asked for (GraphQL), not under its property names (REST)."""
    absent_is_null: bool = False
    """A missing property means null (REST); otherwise it is drift."""


class Diagnostic(msgspec.Struct, frozen=True):
    """One deviation or fault of a source's document: what, where (JSON pointer or coordinate), what was done."""

    code: str
    pointer: str
    message: str
    fix: str | None = None
    """Ready to paste."""


# ---------------------------------------------------------------- how it is asked on the wire


class Chunk(msgspec.Struct, frozen=True):
    """One call and the keys (positions in the fetch's distinct keys) it asks for. A root fetch has one, with no keys."""

    call: Call
    keys: range | Sequence[int] = range(0)
    refused: SourceError | None = None
    """Why these keys cannot be asked for: the call is not made."""


class Prepared(msgspec.Struct, frozen=True):
    """A fetch made ready once: what is left per request is to put keys and variables in.

    `match` says how the rows are found under `path` of the JSON body:
    `root` the object with the root fields · `value` the body is the value of the one root field · `one` each call has one key,
    whose row is there · `key` a list, rows matched by their own `key_field` · `alias` an object, row of key *i* under `_i` ·
    `order` a list, the row of key *i* at *i*.
    """

    calls: Callable[[Sequence[tuple[Any, ...]], Mapping[str, Any], Request, Callable[[Reply], Reply]], Sequence[Chunk]]
    """(distinct keys, coerced variables, request, verify) → calls."""
    verifier: Callable[[Callable[[bytes], Any]], Callable[[Reply], Reply]]
    """Given the operation's own decoder of the body: the `Call.verify` of this protocol."""
    match: str
    path: tuple[str, ...] = ()
    key_field: str | None = None
    propagates: frozenset[Propagated] = frozenset()
    """The caller's headers that these calls carry: part of the identity."""
    following: Callable[[Call, Reply], Call | None] | None = None
    """Where rows come in pages: the call for those after this reply; None: these were the last. Raises a `SourceError`."""
    pages: int = 1
    """Pages that are read at most; keys not found by then are errors."""
    pruner: Pruner | None = None
    """Where the service may refuse a whole call for a field it no longer knows."""


class Pruner(Protocol):
    """Asks a service for less, where it no longer knows a field."""

    def again(self, call: Call, error: SourceError) -> Call | None:
        """The call without what this failure says is unknown; None: it is about something else."""

    def remembering(self, prepared: Prepared) -> Prepared:
        """The fetch with calls that leave it out from the start, for as long as it is remembered."""
        ...


class Prepare(Protocol):
    def __call__(self, fetch: Fetch) -> Prepared: ...


class Subgraph(msgspec.Struct, frozen=True):
    """A loaded source: its types, unchanged, and how to fetch them. Immutable."""

    name: str
    kind: str
    url: str
    owner: Owner
    types: Mapping[str, TypeDefinitionNode]
    query: str
    """Name of the query root among `types`."""
    prepare: Prepare
    send: Send
    directives: tuple[DirectiveDefinitionNode, ...] = ()
    """Definitions of the directives that `types` apply."""
    wire: Wire = Wire()
    lookups: tuple[Lookup, ...] = ()
    links: tuple[Link, ...] = ()
    """Joins that the source's own document states, as the YAML would."""
    facts: Facts | None = None
    """What a federation subgraph states about its types; None: they are its own."""
    exposes: tuple[str, ...] = ()
    """Headers of its replies, in lower case, that are shown in `extensions.upstream`."""
    together: bool = True
    """One fetch may ask for several root fields (GraphQL); otherwise each is its own call (REST)."""
    refused: Mapping[str, FieldDefinitionNode] = {}
    """Mutations: kept as facts, so that a refusal can name whose they are."""
    unexposed: Mapping[str, FieldDefinitionNode] = {}
    """Root fields that clients do not see, but lookups and batches may use."""
    subscriptions: Mapping[str, FieldDefinitionNode] = {}
    """Those that clients see; `types` has them as `Subscription`, however the source calls that root."""
    stream: Stream | None = None
    """Opens a subscription; None: it has none."""
    origins: Mapping[str, str] = {}
    """coordinate → the origin directives of `gateway schema --sources`, as SDL."""
    diagnostics: tuple[Diagnostic, ...] = ()
    hints: tuple[Diagnostic, ...] = ()
    """Worth knowing, no deviations: what the configuration could make use of."""
    available: bool = True
    """False: built from a snapshot because the source could not be read."""
    items: Items | None = None
    """Where single rows of its batches are kept; None: they are not."""
    files: frozenset[Path] = frozenset()
    """What it was made of beside its document, on this machine."""
    keep: Callable[[], None] | None = None
    """Writes down what it was made of for the next start; called once it is being served, off the event loop."""
    per_operation: int = 32
    """Calls of one request to this source that may be open at once."""
    entities_per_call: int = 1000
    """Representations sent in one call."""
