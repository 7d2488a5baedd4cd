"""What an answer in parts is made of, in the words of the incremental delivery format of the GraphQL specification's draft."""

from __future__ import annotations

import msgspec

from gateway.errors import Path
from gateway.execution.exchange import Exchange
from gateway.execution.run import Stale
from gateway.execution.shape import Entry


class Instance(msgspec.Struct, frozen=True):
    """A fragment, or the rest of a list, at one place of the answer, announced as pending."""

    id: str
    path: Path
    label: str | None


class Piece(msgspec.Struct, frozen=True):
    """Data for an object that was delivered before, at `path`; or items for a list. `data` is JSON."""

    instance: Instance
    path: Path
    data: bytes
    errors: tuple[Entry, ...] = ()
    index: int | None = None
    """In its list, of the first of the items; None: it is for an object."""


class Completed(msgspec.Struct, frozen=True):
    """Nothing more comes of it. With `errors` a null in it may not be: nothing came of the fragment, and none of the items from
    this one on."""

    instance: Instance
    errors: tuple[Entry, ...] = ()
    index: int | None = None
    """Of that item; None: it is a fragment."""


class Part(msgspec.Struct, frozen=True):
    """One payload. The first has `data`."""

    data: bytes | None = None
    errors: tuple[Entry, ...] = ()
    pending: tuple[Instance, ...] = ()
    pieces: tuple[Piece, ...] = ()
    completed: tuple[Completed, ...] = ()
    more: bool = False
    stale: tuple[Stale, ...] = ()
    """What was noted since the part before."""
    exchanges: tuple[Exchange, ...] = ()
    """The same of the upstream calls."""
    private: bool = False
