"""An operation for a caller who lacks rights: what it may not read is never planned, and its places are told of in the answer.

The selection is cut before planning, so nothing it may not read is asked of anyone on its behalf. Where the places are is
known only from the answer: the cut answer is walked by the whole selection, each place becomes null with its error, and nulls
spread as the GraphQL specification (section 6.4.4) has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from graphql import ListTypeNode, NonNullTypeNode, TypeNode

from gateway.engine.rights import Rights
from gateway.errors import Affected, Path
from gateway.execution.run import Outcome
from gateway.execution.shape import Entry
from gateway.planning.operation import TYPENAME
from gateway.sources.base import Case, Field, Selection
from gateway.sources.reach import named
from gateway.upstream.caller import Caller

Raw = msgspec.Raw
NULL = Raw(b"null")
_object = msgspec.json.Decoder(dict[str, Raw])
_list = msgspec.json.Decoder(list[Raw])
_text = msgspec.json.Decoder(str)


class Withheld(msgspec.Struct, frozen=True):
    """What of an operation a caller that lacks the rules `lacking` is not given."""

    whole: Selection
    tag: str
    """The response key under which the cut operation asks for type names."""
    rights: Rights
    lacking: int

    def needed(self, types: Iterable[str], field: Field) -> int:
        """The rules this field comes under that the caller lacks. Fields of the gateway's own have none."""
        if field.name.startswith("__"):
            return 0
        result = named(field.type)
        return next((bits for each in types if (bits := self.rights.needed(each, field.name, result) & self.lacking)), 0)


def cut(selection: Selection, rights: Rights, lacking: int) -> tuple[Selection, Withheld]:
    """The selection without what may not be read, and what is needed to tell of it afterwards."""
    tag = "_type"
    while _uses(selection, tag):
        tag += "_"
    split = _split(selection, Withheld(selection, tag, rights, lacking))
    withheld = Withheld(split, tag, rights, lacking)
    return _cut(split, withheld), withheld


def _uses(selection: Selection, key: str) -> bool:
    fields = [field for case in selection.cases for field in case.fields]
    return any(field.key == key or (field.selection is not None and _uses(field.selection, key)) for field in fields)


def _split(selection: Selection, withheld: Withheld) -> Selection:
    """One case per group of types that select the same *and* are given the same."""
    cases: list[Case] = []
    for case in selection.cases:
        groups: dict[tuple[int, ...], list[str]] = {}
        for name in case.types:
            groups.setdefault(tuple(withheld.needed((name,), f) for f in case.fields), []).append(name)
        fields = tuple(
            msgspec.structs.replace(f, selection=_split(f.selection, withheld)) if f.selection else f for f in case.fields
        )
        cases += [Case(tuple(names), fields) for names in groups.values()]
    return Selection(selection.type, tuple(cases))


def _cut(selection: Selection, withheld: Withheld) -> Selection:
    cases = []
    for case in selection.cases:
        kept = [
            msgspec.structs.replace(field, selection=_cut(field.selection, withheld)) if field.selection else field
            for field in case.fields
            if not withheld.needed(case.types, field)
        ]
        if len(selection.cases) > 1 or (not kept and selection.type != "Query"):
            kept.append(Field(withheld.tag, "__typename", TYPENAME))
        cases.append(Case(case.types, tuple(kept)))
    return Selection(selection.type, tuple(cases))


# ---------------------------------------------------------------- telling of it


def told(outcome: Outcome, withheld: Withheld, caller: Caller | None, on_error: str, listed: int) -> Outcome:
    """The outcome of the cut operation as the outcome of the whole one."""
    teller = _Teller(withheld, caller, on_error, listed)
    data = teller.object(Raw(outcome.data), withheld.whole, ()) if outcome.data != b"null" else NULL
    if on_error == "halt" and teller.entries:
        data = NULL
    errors = (*outcome.errors, *teller.entries.values())
    expires = 0.0 if errors else outcome.expires
    return msgspec.structs.replace(outcome, data=bytes(data if data is not None else NULL), errors=errors, expires=expires)


class _Teller:
    def __init__(self, withheld: Withheld, caller: Caller | None, on_error: str, listed: int) -> None:
        self.entries: dict[int, Entry] = {}
        self._withheld = withheld
        self._caller = caller
        self._on_error = on_error
        self._listed = listed

    def object(self, raw: Raw, selection: Selection, path: Path) -> Raw | None:
        """None: a null in it must not be, so it is null itself."""
        given = _object.decode(raw)
        case = self._case(selection, given)
        members = []
        for field in case.fields:
            value = self._field(field, case, given, (*path, field.key))
            if value is None:
                return None
            members.append(msgspec.json.encode(field.key) + b":" + bytes(value))
        return Raw(b"{" + b",".join(members) + b"}")

    def _case(self, selection: Selection, given: Mapping[str, Raw]) -> Case:
        if len(selection.cases) == 1:
            return selection.cases[0]
        name = _text.decode(given[self._withheld.tag])
        return next((case for case in selection.cases if name in case.types), Case((), ()))

    def _field(self, field: Field, case: Case, given: Mapping[str, Raw], path: Path) -> Raw | None:
        if bits := self._withheld.needed(case.types, field):
            self._refused(bits, field, path)
            return self._null(field.type)
        return self._value(given[field.key], field.type, field.selection, path)

    def _value(self, raw: Raw, kind: TypeNode, selection: Selection | None, path: Path) -> Raw | None:
        if selection is None or bytes(raw) == b"null":
            return raw
        inner = kind.type if isinstance(kind, NonNullTypeNode) else kind
        if not isinstance(inner, ListTypeNode):
            value = self.object(raw, selection, path)
            return self._null(kind) if value is None else value
        items: list[Any] = [self._value(item, inner.type, selection, (*path, i)) for i, item in enumerate(_list.decode(raw))]
        return self._null(kind) if None in items else Raw(b"[" + b",".join(map(bytes, items)) + b"]")

    def _null(self, kind: TypeNode) -> Raw | None:
        return None if isinstance(kind, NonNullTypeNode) and self._on_error != "null" else NULL

    def _refused(self, bits: int, field: Field, path: Path) -> None:
        """One entry per set of rules, as one failed call has one."""
        if bits not in self.entries:
            error = self._withheld.rights.error(bits, self._caller)
            self.entries[bits] = Entry(error, Affected(listed=self._listed), field.location)
        self.entries[bits].affected.add(path)
