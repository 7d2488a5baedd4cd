"""A REST service played from its OpenAPI document: a call is answered with what its operation's response schema describes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from gateway.mock.values import Leaf
from gateway.mock.world import LISTED, POOL, Kind, Row, World, asked_of, page_of
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.operations import Operation, Response, find_operations, success
from gateway.sources.openapi.options import Options
from gateway.sources.openapi.references import Node, References
from gateway.sources.openapi.shape import Shape
from gateway.sources.openapi.shapes import Shapes

DEEPEST = 5
"""Levels below which only what has to be there is there: schemas may contain themselves."""
BOTTOM = 40
"""Levels there are at all."""
LARGEST = 20_000
"""Values of one answer; beyond, objects and lists are empty."""
KINDS = {
    "string": "text",
    "integer": "whole",
    "number": "number",
    "boolean": "truth",
    "enum": "text",
    "any": "any",
    "mixed": "any",
}
Meant = Mapping[str, Mapping[str, str]]
NAMED = re.compile(r"\{([^{}]+)\}")


class Asked(NamedTuple):
    """What a call says: which operation, and its arguments by their names. `of`: the resource it is a part of."""

    operation: Operation
    arguments: Mapping[str, Any]
    of: tuple[str, ...]


class Within(NamedTuple):
    """Where a value stands: the row it belongs to, and how deep. `said`: arguments that wrappers pass on; None inside a row."""

    row: Row
    depth: int
    said: Mapping[str, Any] | None
    meant: Mapping[str, str] = {}
    inside: bool = True
    """What it has no key for is its own, not one of all there are."""


class OpenApiMock:
    """One service. `meant`: root field → argument → the field of its rows that it names."""

    def __init__(self, references: References, options: Options, world: World, meant: Meant) -> None:
        quiet = Fidelity()
        self._references = references
        self._shapes = Shapes(references, quiet)
        self._world = world
        self._meant = meant
        self._left = LARGEST
        self._operations = find_operations(references, options, quiet)
        paths = [(NAMED.split(each.path.partition("?")[0].partition("#")[0]), each) for each in self._operations.values()]
        paths.sort(key=lambda entry: -sum(map(len, entry[0][::2])))
        self._paths = [(_pattern(pieces[::2]), pieces[1::2], each) for pieces, each in paths]

    def kinds(self, keys: Mapping[str, Iterable[str]]) -> Iterator[Kind]:
        """Every shared schema that is an object. `keys`: those the configuration states; a property called `id` is one, too."""
        for name, node in self._references.shared():
            shape = self._shapes.of(node)
            if shape.kind == "object":
                leaves = dict(self._leaves(shape))
                yield Kind(name, leaves, (frozenset(keys.get(name, ())) | {"id"}) & leaves.keys())

    def answer(self, method: str, url: str, body: bytes | None) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        found = self._asked(method, url, body)
        if found is None:
            return 404, "application/json", b'{"detail": "the document has no such operation"}'
        response = success(self._references, found.operation)
        if response is None or response.kind == "empty":
            return 204, "application/json", b""
        media = response.media if "*" not in response.media else "application/json"
        if response.kind != "json" or response.schema is None:
            return 200, media or "text/plain", b"A text."
        return 200, media, msgspec.json.encode(self._body(found, response))

    def _asked(self, method: str, url: str, body: bytes | None) -> Asked | None:
        parts = urlsplit(url)
        for pattern, names, operation in self._paths:
            if operation.method == method.upper() and (match := pattern.search(parts.path)):
                given = list(map(unquote, match.groups()))
                path = dict(zip(_told_apart(operation.path, names), given, strict=True))
                of = given if not operation.path.rstrip("/").endswith("}") else given[:-1]
                return Asked(operation, {**self._query(operation, parts.query), **_of_body(body), **path}, tuple(of))
        return None

    def _query(self, operation: Operation, text: str) -> dict[str, Any]:
        """Parameters that are declared as lists are lists, however they are written."""
        lists = set()
        for holder in (operation.item, operation.node):
            for entry in holder.child("parameters").items():
                node = self._references.follow(entry)
                if node is not None and self._is_list(node):
                    lists.add(node.text("name").removesuffix("[]"))
        given = {name.removesuffix("[]"): values for name, values in parse_qs(text, keep_blank_values=True).items()}
        return {
            name: [part for value in values for part in re.split("[,|]", value)] if name in lists else values[-1]
            for name, values in given.items()
        }

    def _is_list(self, parameter: Node) -> bool:
        if parameter.text("type") == "array":
            return True
        schema = parameter.child("schema")
        return schema.value is not None and self._shapes.of(schema).kind == "array"

    def _body(self, asked: Asked, response: Response) -> Any:
        name = next(name for name, each in self._operations.items() if each is asked.operation)
        self._left = LARGEST
        row = Row("", (asked.operation.template, *asked.of))
        assert response.schema is not None
        within = Within(row, 0, asked.arguments, self._meant.get(name, {}), inside=bool(asked.of))
        return self._value(response.schema, name, within)

    def rows_of(self, field: str) -> str | None:
        """The type of the rows that a root field gives."""
        response = success(self._references, self._operations[field]) if field in self._operations else None
        shape = self._shapes.of(response.schema) if response is not None and response.schema is not None else None
        if shape is not None and shape.kind == "array" and shape.items is not None:
            shape = self._shapes.of(shape.items)
        return self._kind(shape).name if shape is not None and shape.kind == "object" else None

    # ------------------------------------------------------------ values

    def _value(self, node: Node, name: str, within: Within) -> Any:
        shape = self._shapes.of(node)
        self._left -= 1
        match shape.kind:
            case "object":
                return self._object(shape, name, within)
            case "array":
                return self._list(shape, name, within)
            case "map":
                if shape.values is None:
                    return {}
                return {key: self._value(shape.values, key, _deeper(within)) for key in ("first", "second")}
            case "union":
                return self._union(shape, name, within)
        leaf = _leaf(node, shape)
        if within.said is not None:
            leaf = _about_page(within.said, name, leaf)
        return self._world.value(within.row, name, leaf)

    def _object(self, shape: Shape, name: str, within: Within) -> Any:
        kind = self._kind(shape)
        asked = asked_of(kind, within.said or {}, within.meant)
        row = self._world.one(kind, asked, (*within.row.who, within.row.type, name))
        said = within.said if not kind.keyed else None
        return self._row(shape, row, within._replace(said=said))

    def _row(self, shape: Shape, row: Row, within: Within) -> dict[str, Any]:
        inner = within._replace(row=row, depth=within.depth + 1)
        return {
            name: self._value(each.nodes[0], name, inner)
            for name, each in shape.properties.items()
            if self._left > 0 and inner.depth < (BOTTOM if each.required else DEEPEST)
        }

    def _list(self, shape: Shape, name: str, within: Within) -> list[Any]:
        if shape.items is None or within.depth > DEEPEST or self._left <= 0:
            return []
        item, place = self._shapes.of(shape.items), (*within.row.who, within.row.type, name)
        if item.kind == "object":
            kind = self._kind(item)
            asked = asked_of(kind, within.said or {}, within.meant)
            page = page_of(within.said or {})
            rows = self._world.many(kind, asked, place, page, inside=within.said is None or within.inside)
            return [self._row(item, row, within._replace(said=None)) for row in rows]
        count = self._world.random(place).randint(1, 3)
        rows = [Row(within.row.type, (*within.row.who, number)) for number in range(count)]
        made = [self._value(shape.items, name, Within(row, within.depth + 1, None)) for row in rows]
        return list({str(value): value for value in made}.values())

    def _union(self, shape: Shape, name: str, within: Within) -> Any:
        chosen = self._world.random(within.row.type, within.row.who, name, "of").randrange(len(shape.alternatives))
        value = self._value(shape.alternatives[chosen], name, _deeper(within))
        if shape.discriminator is not None and isinstance(value, dict):
            value[shape.discriminator.property] = self._said(shape, chosen)
        return value

    def _said(self, shape: Shape, chosen: int) -> str:
        """What the discriminator calls this alternative."""
        assert shape.discriminator is not None
        at = self._shapes.of(shape.alternatives[chosen]).at
        for value, reference in shape.discriminator.mapping.items():
            target = self._references.resolve(str(reference), "#") if "/" in str(reference) else None
            target = target or self._references.named(str(reference))
            if target is not None and self._shapes.of(target).at == at:
                return value
        return at.rpartition("/")[2]

    # ------------------------------------------------------------ types

    def _kind(self, shape: Shape) -> Kind:
        """A shared schema by its name; any other object has a type of its own, with a key where it has an `id`."""
        prefix, _, name = shape.place.rpartition("/")
        if prefix == f"#{self._references.shared_prefix}" and name in self._world.kinds:
            return self._world.kinds[name]
        leaves = dict(self._leaves(shape))
        return Kind(shape.place, leaves, frozenset({"id"}) & leaves.keys())

    def _leaves(self, shape: Shape) -> Iterator[tuple[str, Leaf]]:
        for name, each in shape.properties.items():
            inner = self._shapes.of(each.nodes[0])
            if inner.kind in KINDS:
                yield name, _leaf(each.nodes[0], inner)


def _told_apart(path: str, names: Sequence[str]) -> list[str]:
    """The path's parameters: `/pets/{id}/owner` says the id of a pet, `/pets/{id}` its own."""
    before = [piece.rstrip("/").rpartition("/")[2] for piece in NAMED.split(path)[::2]]
    last = len(names) - path.rstrip("/").endswith("}")
    return [f"{before[at].removesuffix('s')}Id" if name == "id" and at < last else name for at, name in enumerate(names)]


def _pattern(pieces: Sequence[str]) -> re.Pattern[str]:
    """Whatever the address of the service begins with."""
    return re.compile(f"{'([^/]+)'.join(map(re.escape, pieces))}/?$")


def _of_body(body: bytes | None) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(body or b"{}")
    except msgspec.MsgspecError:
        return {}
    return found if isinstance(found, dict) else {}


def _deeper(within: Within) -> Within:
    return within._replace(depth=within.depth + 1)


def _leaf(node: Node, shape: Shape) -> Leaf:
    value = node.value if isinstance(node.value, dict) else {}
    kind, several = KINDS.get(shape.kind, "any"), value.get("examples")
    examples = several if isinstance(several, list) else [value["example"]] if "example" in value else []
    fitting = tuple(each for each in examples if _is(kind, each)) if "$ref" not in value else ()
    step = value.get("multipleOf")
    return Leaf(
        kind,
        shape.format.lower(),
        tuple(each for each in shape.enum if each is not None),
        shape.minimum,
        shape.maximum,
        float(step) if isinstance(step, int | float) and step > 0 else None,
        str(value.get("pattern") or ""),
        _size(value.get("minLength")) or 0,
        _size(value.get("maxLength")),
        fitting,
    )


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 10_000 else None


def _is(kind: str, value: Any) -> bool:
    wanted: Mapping[str, type | tuple[type, ...]] = {"text": str, "whole": int, "number": (int, float), "truth": bool}
    return isinstance(value, wanted.get(kind, object))


def _about_page(said: Mapping[str, Any], name: str, leaf: Leaf) -> Leaf:
    """What a page says of itself: how many there are, and that nothing follows."""
    page = page_of(said)
    if leaf.kind == "whole":
        if re.fullmatch(r"(?i)total|total_?(count|items|elements|results)|count", name):
            return Leaf("whole", choices=(POOL,))
        if name in ("limit", "offset"):
            return Leaf("whole", choices=((LISTED if page.limit is None else page.limit) if name == "limit" else page.offset,))
    if leaf.kind == "truth" and re.fullmatch(r"(?i)has_?(more|next(_?page)?)", name):
        return Leaf("truth", choices=(False,))
    return leaf
