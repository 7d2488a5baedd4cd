"""What every kind of source becomes: a `Subgraph`, and the nouns that planning uses to ask it for something.

A kind is a module with `Options` (a pydantic model) and `async load(source, sends) -> tuple[Subgraph, ...]`; `sources.KINDS`
names it. Types are graphql-core definition nodes, exactly as the source has them: they merge, print and build from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from graphql import DirectiveDefinitionNode, FieldDefinitionNode, TypeDefinitionNode, TypeNode, ValueNode

from gateway.errors import Owner, SourceError
from gateway.upstream.call import Call, Reply, Request, Send

if TYPE_CHECKING:
    from gateway.config.model import Link

# ---------------------------------------------------------------- what a source offers


class Page(msgspec.Struct, frozen=True):
    """How a list that comes in pages is read on: each call's answer, or its number, says what the next one asks for."""

    limit: str | None = None
    """The argument that takes how many rows are wanted: the number of keys."""
    next: str | None = None
    """Where the answer says what follows: `link-header` (RFC 8288), or names with dots to the cursor in its body."""
    cursor: str | None = None
    """The argument that takes the cursor."""
    number: str | None = None
    """The argument that takes the number of the page, from 1."""
    offset: str | None = None
    """The argument that takes how many rows to pass over."""
    max: int = 20
    """Pages that are read for one set of keys."""


class Batch(msgspec.Struct, frozen=True):
    """A root field that answers many keys at once: `via(arg: [keys])`, its rows matched by their `key` field."""

    via: str
    arg: str
    """Empty: the whole list is read, page by page."""
    key: str
    path: tuple[str, ...] = ()
    """From the field's value to the list of rows."""
    max: int = 100
    page: Page | None = None


class Lookup(msgspec.Struct, frozen=True):
    """One way to reach a type of this subgraph by key: root field `via`, whose argument `arg` takes the type's `key` field."""

    type: str
    key: str
    via: str
    arg: str
    batch: Batch | None = None


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


# ---------------------------------------------------------------- what is asked of it


class Argument(msgspec.Struct, frozen=True):
    """An argument of a field: a literal or client variable as written (`value`), or a key of the parent row (`input`)."""

    name: str
    value: ValueNode | None = None
    input: str | None = None
    """The name of the fetch's `Input` it takes."""
    type: TypeNode | None = None
    """The argument's type in the subgraph."""


class Field(msgspec.Struct, frozen=True):
    """A selected field, in the subgraph's own terms. `key` is unique in its object: the response key, or one of ours."""

    key: str
    name: str
    type: TypeNode
    arguments: tuple[Argument, ...] = ()
    selection: Selection | None = None
    hidden: bool = False
    """Needed for a join, not part of the answer."""
    location: tuple[int, int] | None = None
    """Line and column in the client's document."""


class Case(msgspec.Struct, frozen=True):
    """The fields selected on these object types."""

    types: tuple[str, ...]
    fields: tuple[Field, ...]
    answer: tuple[Field, ...] = ()
    """In a fetch: the client's own fields at this place, in their order, whichever fetch they come from. Execution's business."""
    slots: tuple[str, ...] = ()
    """Keys that other fetches bring to these rows for a join. Execution's business."""


class Selection(msgspec.Struct, frozen=True):
    """What is selected on `type`: one case per group of object types that select the same. An object type has one case."""

    type: str
    cases: tuple[Case, ...]


class Input(msgspec.Struct, frozen=True):
    """A value of the parent row that a fetch needs: the hidden or visible response key under which the row has it."""

    name: str
    path: tuple[str, ...]
    type: TypeNode
    hidden: bool = False
    """Only joins need it: it is emptied before the answer goes out."""


class Entry(msgspec.Struct, frozen=True):
    """How a fetch enters its subgraph by key: through a lookup or a link."""

    via: str
    """Root field, asked once per key tuple unless `batch`."""
    inputs: tuple[Input, ...]
    arguments: tuple[Argument, ...]
    """Of `via`; with `batch`, the one that takes the key is renamed to `batch.arg` and takes the list."""
    batch: Batch | None = None
    result: TypeNode | None = None
    """The type of `via`."""
    many: bool = False
    """With a batch: a key has a list of rows."""
    chunk: int = 100
    """Keys asked for in one document where there is no batch field (GraphQL aliases)."""


class Fetch(msgspec.Struct, frozen=True):
    """What planning asks of one subgraph: root fields (`entry` None, `selection` on the query type), or rows by key."""

    id: int
    subgraph: str
    selection: Selection
    entry: Entry | None = None


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
    whose row is there · `key` a list, rows matched by their own `key_field` · `alias` an object, row of key *i* under `_i`.
    """

    calls: Callable[[Sequence[tuple[Any, ...]], Mapping[str, Any], Request, Callable[[Reply], Reply]], Sequence[Chunk]]
    """(distinct keys, coerced variables, request, verify) → calls."""
    verifier: Callable[[Callable[[bytes], Any]], Callable[[Reply], Reply]]
    """Given the operation's own decoder of the body: the `Call.verify` of this protocol."""
    match: str
    path: tuple[str, ...] = ()
    key_field: str | None = None
    propagates: frozenset[str] = frozenset()
    """The caller's headers that these calls carry: part of the identity."""
    following: Callable[[Call, Reply], Call | None] | None = None
    """Where rows come in pages: the call for those after this reply; None: these were the last. Raises a `SourceError`."""
    pages: int = 1
    """Pages that are read at most; keys not found by then are errors."""


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
    together: bool = True
    """One fetch may ask for several root fields (GraphQL); otherwise each is its own call (REST)."""
    refused: Mapping[str, FieldDefinitionNode] = {}
    """Mutations: kept as facts, so that a refusal can name whose they are."""
    unexposed: Mapping[str, FieldDefinitionNode] = {}
    """Root fields that clients do not see, but lookups and batches may use."""
    subscriptions: Mapping[str, FieldDefinitionNode] = {}
    origins: Mapping[str, str] = {}
    """coordinate → the origin directives of `gateway schema --sources`, as SDL."""
    diagnostics: tuple[Diagnostic, ...] = ()
    hints: tuple[Diagnostic, ...] = ()
    """Worth knowing, no deviations: what the configuration could make use of."""
    available: bool = True
    """False: built from a snapshot because the source could not be read."""
    per_operation: int = 32
    """Calls of one request to this source that may be open at once."""
