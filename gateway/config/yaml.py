"""The door to YAML: the C parser's events become plain values by the 1.2 core schema, within bounds, keeping a mark per path.

Values are built from events, iteratively: the C composer recurses (100 000 open brackets end the process) and takes many
times as long. What 1.1 made of words is gone: `on`, `off`, `yes`, `no` are text, `012` is 12, dates and `12:30:45` are text.
Merge keys (`<<: *defaults`, or a list of mappings) are not in 1.2, but people write them: they are followed, a mapping's
own keys win, then the earlier of the merged ones. Tags beyond the core schema are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NoReturn

import msgspec
import yaml
from yaml import events

from gateway.config.problem import ConfigError, ConfigPath, Mark, Problem

Key = Any
Place = tuple[str, int, int, bool]
"""File, line and column from 1, and whether a scalar stood in quotes (or in a block)."""

LONGEST_NUMBER = 1000
"""Digits. A longer run of them stays text."""
PATH_SHOWN = 16
"""Steps of a path that a problem tells; the mark says the rest."""
CORE = "tag:yaml.org,2002:"
TYPES: Mapping[str, type] = {"null": type(None), "bool": bool, "int": int, "float": float}
WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class YamlError(ConfigError):
    """A text that cannot be read as YAML, or asks for too much."""


class Duplicate(msgspec.Struct, frozen=True):
    """A key that one mapping has twice."""

    path: ConfigPath
    first: Mark
    again: Mark


class Marks:
    """Where each value stands. Kept by the identity of its container, so that reading costs no paths."""

    def __init__(self, root: Any, places: dict[int, dict[Key, Place]], start: Mark, duplicates: Sequence[Duplicate] = ()) -> None:
        self.root = root
        self.places = places
        self.start = start
        self.duplicates = tuple(duplicates)

    def at(self, path: ConfigPath) -> Mark:
        """The mark of the longest known prefix of `path`; of an entry of a mapping, that of its key."""
        steps = list(self._along(path))
        return Mark(*steps[-1][:3]) if steps else self.start

    def known(self, path: ConfigPath) -> bool:
        return sum(1 for _ in self._along(path)) == len(path)

    def quoted(self, path: ConfigPath) -> bool:
        """Was this scalar written in quotes, or as a block?"""
        steps = list(self._along(path))
        return len(steps) == len(path) and bool(steps) and steps[-1][3]

    def _along(self, path: ConfigPath) -> Iterator[Place]:
        value = self.root
        for step in path:
            place = self.places.get(id(value), {}).get(step)
            if place is None:
                return
            yield place
            value = value[step]


def read_yaml(
    text: bytes | str,
    name: str,
    *,
    depth: int = 200,
    nodes: int = 1_000_000,
    duplicates: Literal["refuse", "last"] = "refuse",
    keys_as_text: bool = True,
    marks: bool = True,
) -> tuple[Any, Marks]:
    """One document as dicts, lists and scalars. `name` is what problems call the file.

    An empty text is None. Keys are the text as written (`200` → "200"), or resolved like values. With `duplicates="last"` the
    last one wins, and `Marks.duplicates` has them. Without `marks` every place is the start. Raises `YamlError`.
    """
    builder = _Builder(name, depth, nodes, keys_as_text, marks)
    try:
        data = text.encode() if isinstance(text, str) else text
        for event in yaml.parse(data, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise YamlError([*builder.repeated(), _syntax(error, name)]) from None
    except yaml.reader.ReaderError as error:
        raise YamlError([*builder.repeated(), _unreadable(error, name, data)]) from None
    except UnicodeEncodeError:
        raise YamlError([Problem("YAML_SYNTAX", f"{name} has half of a surrogate pair in it", mark=Mark(name, 1, 1))]) from None
    if duplicates == "refuse" and builder.duplicates:
        raise YamlError(builder.repeated())
    return builder.root, Marks(builder.root, builder.places, builder.start, builder.duplicates)


def core_schema(text: str) -> Any:
    """What an unquoted scalar means: null, true, false, a number, or else itself."""
    if text in WORDS:
        return WORDS[text]
    if text[0] not in "+-.0123456789" or len(text) > LONGEST_NUMBER:
        return text
    if INTEGER.fullmatch(text):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def duplicate_problem(duplicate: Duplicate) -> Problem:
    message = f"`{duplicate.path[-1]}` is given twice here, first at {duplicate.first}"
    return Problem("YAML_DUPLICATE_KEY", message, duplicate.path, mark=duplicate.again, fix="keep one of them")


# ---------------------------------------------------------------- from events to values

_MERGE: Any = object()


class _Frame:
    """A collection that is still open."""

    __slots__ = ("anchor", "at_key", "before", "deepest", "key", "merges", "places", "value")

    def __init__(self, value: dict[Key, Any] | list[Any], anchor: str | None, before: int, level: int) -> None:
        self.value = value
        self.anchor = anchor
        self.before = before
        """Nodes read before it: at its end, the difference is its size."""
        self.deepest = level
        self.key: Key = None
        self.at_key = isinstance(value, dict)
        """The next node is a key."""
        self.merges: list[tuple[Any, events.Event]] = []
        self.places: dict[Key, Place] = {}


class _Anchored(msgspec.Struct, frozen=True):
    value: Any
    quoted: bool
    size: int
    height: int


class _Builder:
    def __init__(self, name: str, depth: int, nodes: int, keys_as_text: bool, marks: bool) -> None:
        self.name, self.depth, self.nodes, self.keys_as_text, self.marks = name, depth, nodes, keys_as_text, marks
        self.root: Any = None
        self.start = Mark(name, 1, 1)
        self.places: dict[int, dict[Key, Place]] = {}
        self.duplicates: list[Duplicate] = []
        self._documents = 0
        self._count = 0
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored] = {}
        self._takers: dict[type, Any] = {
            events.ScalarEvent: self._scalar,
            events.MappingStartEvent: self._open,
            events.SequenceStartEvent: self._open,
            events.MappingEndEvent: self._close,
            events.SequenceEndEvent: self._close,
            events.AliasEvent: self._alias,
            events.DocumentStartEvent: self._document,
        }

    def take(self, event: events.Event) -> None:
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(event)

    def repeated(self) -> list[Problem]:
        return [duplicate_problem(d) for d in self.duplicates]

    def _document(self, event: events.Event) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse("YAML_UNSUPPORTED", "a second document begins here: one file, one document", event)

    def _scalar(self, event: events.ScalarEvent) -> None:
        self._grow(1, event)
        value = self._resolved(event)
        quoted = bool(event.style)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(value, quoted, 1, 0)
        top = self._stack[-1] if self._stack else None
        if top is not None and top.at_key:
            self._key(top, event, value)
        else:
            self._put(value, event, quoted)

    def _key(self, top: _Frame, event: events.ScalarEvent, value: Any) -> None:
        top.at_key = False
        if event.value == "<<" and not event.style:
            top.key = _MERGE
            return
        top.key = event.value if self.keys_as_text else value
        if top.key in top.value:
            path = self._path()
            first = Mark(*top.places[top.key][:3]) if top.key in top.places else self.start
            self.duplicates.append(Duplicate(path, first, self._mark(event)))
        if self.marks:
            top.places[top.key] = self._place(event, False)

    def _open(self, event: events.MappingStartEvent | events.SequenceStartEvent) -> None:
        self._grow(1, event)
        mapping = isinstance(event, events.MappingStartEvent)
        if event.tag not in (None, "!", CORE + ("map" if mapping else "seq")):
            self._refuse("YAML_UNSUPPORTED", f"the tag {event.tag} is not supported", event)
        if len(self._stack) >= self.depth:
            self._refuse("YAML_TOO_DEEP", f"nested more than {self.depth} levels deep", event)
        value: Any = {} if mapping else []
        self._put(value, event, False)
        frame = _Frame(value, event.anchor, self._count - 1, len(self._stack) + 1)
        if self.marks:
            self.places[id(value)] = frame.places
        self._stack.append(frame)

    def _close(self, _event: events.Event) -> None:
        frame = self._stack.pop()
        for merged, event in frame.merges:
            self._merge(frame, merged, event)
        if self._stack:
            self._stack[-1].deepest = max(self._stack[-1].deepest, frame.deepest)
        if frame.anchor:
            height = frame.deepest - len(self._stack)
            self._anchors[frame.anchor] = _Anchored(frame.value, False, self._count - frame.before, height)

    def _alias(self, event: events.AliasEvent) -> None:
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            self._refuse("YAML_UNSUPPORTED", f"*{event.anchor} stands for nothing that is complete before it", event)
        self._grow(anchored.size, event)
        if len(self._stack) + anchored.height > self.depth:
            self._refuse("YAML_TOO_DEEP", f"nested more than {self.depth} levels deep, through *{event.anchor}", event)
        if self._stack:
            self._stack[-1].deepest = max(self._stack[-1].deepest, len(self._stack) + anchored.height)
        self._put(anchored.value, event, anchored.quoted)

    def _put(self, value: Any, event: events.Event, quoted: bool) -> None:
        """Give a node to the open collection, or make it the root."""
        if not self._stack:
            self.root, self.start = value, self._mark(event)
            return
        top = self._stack[-1]
        if isinstance(top.value, list):
            top.key = len(top.value)
            if self.marks:
                top.places[top.key] = self._place(event, quoted)
            top.value.append(value)
            return
        if top.at_key:
            self._refuse("YAML_UNSUPPORTED", "a key has to be a plain scalar", event)
        top.at_key = True
        if top.key is _MERGE:
            top.merges.append((value, event))
            return
        top.value[top.key] = value
        if quoted and self.marks:
            top.places[top.key] = (*top.places[top.key][:3], True)

    def _merge(self, frame: _Frame, merged: Any, event: events.Event) -> None:
        for mapping in merged if isinstance(merged, list) else [merged]:
            if not isinstance(mapping, dict):
                self._refuse("YAML_UNSUPPORTED", "`<<` takes a mapping or a list of mappings", event)
            for key, value in mapping.items():
                if key not in frame.value and isinstance(frame.value, dict):
                    frame.value[key] = value
                    if self.marks:
                        frame.places[key] = self.places[id(mapping)][key]

    def _resolved(self, event: events.ScalarEvent) -> Any:
        if event.tag is None:
            return core_schema(event.value) if event.implicit[0] else event.value
        kind = event.tag.removeprefix(CORE)
        if event.tag in ("!", CORE + "str"):
            return event.value
        if kind == "float" and FLOAT.fullmatch(event.value):
            return float(event.value)
        if (value := core_schema(event.value)) is not event.value and kind in TYPES and isinstance(value, TYPES[kind]):
            return value
        return self._refuse("YAML_UNSUPPORTED", f"{event.tag} {event.value[:40]!r} is not supported", event)

    def _grow(self, size: int, event: events.Event) -> None:
        self._count += size
        if self._count > self.nodes:
            self._refuse("YAML_TOO_LARGE", f"more than {self.nodes} values, with aliases written out", event)

    def _path(self) -> ConfigPath:
        return tuple("<<" if f.key is _MERGE else f.key for f in self._stack if f.key is not None)[:PATH_SHOWN]

    def _place(self, event: events.Event, quoted: bool) -> Place:
        mark: Any = event.start_mark
        return (self.name, mark.line + 1, mark.column + 1, quoted)

    def _mark(self, event: events.Event) -> Mark:
        return Mark(*self._place(event, False)[:3])

    def _refuse(self, code: str, message: str, event: events.Event) -> NoReturn:
        raise YamlError([*self.repeated(), Problem(code, message, self._path(), mark=self._mark(event))])


# ---------------------------------------------------------------- what the parser says


def _syntax(error: yaml.MarkedYAMLError, name: str) -> Problem:
    place = error.problem_mark
    mark = Mark(name, place.line + 1, place.column + 1) if place is not None else Mark(name, 1, 1)
    said = " ".join(part for part in (error.context, error.problem) if part)
    fix = "indent with spaces and put values that begin with @, ` or % in quotes" if "any token" in said else None
    return Problem("YAML_SYNTAX", f"not valid YAML: {said or 'incomplete'}", mark=mark, fix=fix)


def _unreadable(error: yaml.reader.ReaderError, name: str, data: bytes) -> Problem:
    before = data[: error.position]
    mark = Mark(name, before.count(b"\n") + 1, len(before) - before.rfind(b"\n"))
    return Problem("YAML_SYNTAX", f"not valid YAML: {error.reason}", mark=mark, fix="save the file as UTF-8 text")
