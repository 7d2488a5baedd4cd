"""What planning asks of a subgraph: a `Fetch`, which selects fields of root types, or of rows by their keys."""

from __future__ import annotations

import msgspec
from graphql import TypeNode, ValueNode


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


class Argument(msgspec.Struct, frozen=True):
    """An argument of a field: a literal or client variable as written (`value`), or a key of the parent row (`input`)."""

    name: str
    value: ValueNode | None = None
    input: str | None = None
    """The name of the fetch's `Input` it takes."""
    type: TypeNode | None = None
    """The argument's type in the subgraph."""


class Deferral(msgspec.Struct, frozen=True):
    """What the client lets come later, at one place of its operation: a fragment (`@defer`), or a list's rest (`@stream`)."""

    id: int
    """Those around it have smaller ones."""
    label: str | None
    path: tuple[str, ...]
    """The response keys that lead to the rows it stands in, or to the list."""
    outer: Deferral | None = None
    """The one it stands in itself."""
    first: int | None = None
    """Items of the list that do not come later; None: it is a fragment."""
    like: Deferral | None = None
    """It is this fragment, in items that come later."""


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
    alias: str | None = None
    """Its key on the wire, where `key` cannot be sent: in one operation equal keys need equal types."""
    withheld: bool = False
    """Not asked, and answered with an error: the services that could answer do not agree that there is such a value."""
    merged: bool = False
    """Another fetch brings the rows themselves; these complete them, field by field. Execution's business."""
    deferred: tuple[Deferral, ...] = ()
    """It may come with any of these, after what stands around it. Of a client's own field."""
    streamed: Deferral | None = None
    """The rest of its list, where that may come later. Of a client's own field."""


class Case(msgspec.Struct, frozen=True):
    """The fields selected on these object types."""

    types: tuple[str, ...]
    fields: tuple[Field, ...]
    answer: tuple[Field, ...] = ()
    """In a fetch: the client's own fields at this place, in their order, whichever fetch they come from. Execution's business."""
    slots: tuple[str, ...] = ()
    """Keys that other fetches bring to these rows for a join. Execution's business."""
    mark: int = 0
    """The place in the plan whose rows these are. Execution's business."""
    on: tuple[str, ...] = ()
    """What the subgraph calls `types`, where it has one type that stands for all of them."""


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
    nullable: bool = False
    """Null is sent like any other value; otherwise it asks nothing."""
    rows: bool = False
    """Its value is rows, which are sent as objects."""


class Representation(msgspec.Struct, frozen=True):
    """How parents of one place are named to a field that takes representations: a type and what of them is sent."""

    type: str
    mark: int
    """The parents' `Case.mark`."""
    inputs: tuple[Input, ...]
    typename: Input | None = None
    """The row says its type itself: the place has rows of several."""


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
    """Keys asked for in one call where there is no batch field: as GraphQL aliases, or as representations."""
    representations: tuple[Representation, ...] = ()
    """`via` takes a list of these and answers a list in the same order."""
    variables: tuple[str, ...] = ()
    """Variables of the selection that have one value per call: a key has theirs after its representation."""


class Fetch(msgspec.Struct, frozen=True):
    """What planning asks of one subgraph: root fields (`entry` None, `selection` on the query type), or rows by key."""

    id: int
    subgraph: str
    selection: Selection
    entry: Entry | None = None
