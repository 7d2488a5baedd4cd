"""What a schema says, once `$ref`, `allOf`, nullability and alternatives are read together (rules C1, C2, U1, T11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from gateway.sources.openapi.facts import Facts, Layers, discriminator_of, plain_shape
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.references import MEANINGLESS_BESIDE_REF, Node, References, is_reference
from gateway.sources.openapi.shape import Shape

MAX_LAYERS = 200
MAX_NESTING = 150
"""Tokens a pointer may have before what stands there is any JSON."""
_ANNOTATIONS = frozenset(
    {"description", "title", "example", "examples", "externalDocs", "deprecated", "readOnly", "writeOnly", "default"}
)
_CONSTRAINTS = _ANNOTATIONS | {"required", "not", "nullable"}


class Shapes:
    """Schemas → shapes, each place read once."""

    def __init__(self, references: References, fidelity: Fidelity) -> None:
        self._references = references
        self._fidelity = fidelity
        self._known: dict[str, Shape] = {}

    def of(self, node: Node) -> Shape:
        """The shape of the schema at this node; with the nullability that stands beside a reference to it (L4)."""
        value = node.value
        if not is_reference(value):
            return self._own(node)
        if self._references.version.references_have_siblings and self._has_structure(value):
            return self._narrowed(node) or self._own(node)
        target = self._references.follow(node)
        if target is None:
            return Shape(node.at, "any")
        shape = self._own(target)
        if (value.get("nullable") is True or value.get("x-nullable") is True) and not shape.nullable:
            return msgspec.structs.replace(shape, nullable=True)
        return shape

    def _narrowed(self, node: Node) -> Shape | None:
        """An enum of which only some values may occur here: the same type, and the values to know it by."""
        beside = {key: value for key, value in node.value.items() if key not in MEANINGLESS_BESIDE_REF}
        listed = beside.get("enum", [beside["const"]] if "const" in beside else None)
        target = self._references.follow(node)
        if target is None or not isinstance(listed, list) or not beside.keys() <= {"enum", "const", "type"}:
            return None
        shape = self._own(target)
        values = tuple(value for value in shape.enum if value in listed)
        return msgspec.structs.replace(shape, enum=values) if shape.kind == "enum" and len(values) == len(listed) else None

    def merged(self, nodes: tuple[Node, ...], at: str) -> Shape:
        """Several schemas that hold at once and have no place of their own: as an `allOf` at the place `at`."""
        return self._own(Node({"allOf": [_Held(node) for node in nodes]}, at))

    def either(self, nodes: tuple[Node, ...], at: str) -> Shape:
        """Several schemas of which one holds, without a place of their own: as an `anyOf` at the place `at`."""
        return self._own(Node({"anyOf": [_Held(node) for node in nodes]}, at))

    def known(self, shape: Shape) -> Shape:
        """The shape of the same place as the schema there says it, without the words of one of its uses."""
        return self._known.get(shape.at, shape)

    def _own(self, node: Node) -> Shape:
        if node.at not in self._known:
            self._known[node.at] = Shape(node.at, "any")  # what a schema that is only itself comes to
            self._known[node.at] = self._shape(node)
        return self._known[node.at]

    @staticmethod
    def _has_structure(value: dict[str, Any]) -> bool:
        return any(
            key not in MEANINGLESS_BESIDE_REF and key not in ("nullable", "x-nullable") and not key.startswith("x-")
            for key in value
        )

    def _shape(self, node: Node) -> Shape:
        if not isinstance(node.value, dict) or node.at.count("/") > MAX_NESTING:
            if isinstance(node.value, dict):
                self._fidelity.deviation("NESTED_TOO_DEEP", node.at, "Nested too deeply; it is read as any JSON.")
            return Shape(node.at, "any")
        if (plain := plain_shape(node)) is not None:
            return plain
        alias = self._alias(node)
        if alias is not None:
            return alias
        layers = self._layers(node)
        facts = Facts(layers, node)
        for keyword in facts.ignored:
            self._fidelity.deviation("KEYWORD_IGNORED", node.at, f"`{keyword}` says nothing about the type; it is not enforced.")
        alternatives, nullable = self._alternatives(layers, node.at)
        if len(alternatives) == 1:
            only = self.of(alternatives[0])
            if not facts.properties():
                return _beside(only, node.value, nullable or facts.nullable)
            layers = self._extend(layers, alternatives[0])
            facts, alternatives = Facts(layers, node), []
        return facts.shape(node.at, tuple(alternatives), nullable)

    def _alias(self, node: Node) -> Shape | None:
        """`allOf` of a single schema and nothing but annotations beside it is that schema itself (C1)."""
        value = node.value
        parts = value.get("allOf")
        if not isinstance(parts, list) or len(parts) != 1 or node.at.count("/allOf/0") > 20:
            return None
        if any(
            key not in _ANNOTATIONS and key not in ("allOf", "nullable", "x-nullable", "type") and not key.startswith("x-")
            for key in value
        ):
            return None
        if not is_reference(parts[0]):
            return None
        shape = self.of(Node(parts[0], f"{node.at}/allOf/0"))
        said = value.get("type")
        if said is not None and shape.kind not in ("object", "union", "map") and said == "object":
            return None
        return _beside(shape, value, value.get("nullable") is True or value.get("x-nullable") is True)

    # ------------------------------------------------------------ allOf

    def _layers(self, node: Node) -> Layers:
        layers = Layers()
        for part in self._stack(node, layers):
            layers.rank.append(part)
        layers.order = _base_first(layers.rank, node)
        return layers

    def _extend(self, layers: Layers, node: Node) -> Layers:
        more = Layers(list(layers.rank), list(layers.order), list(layers.bases))
        for part in self._stack(node, more):
            more.rank.append(part)
            more.order.append(part)
        return more

    def _stack(self, node: Node, layers: Layers) -> Iterator[Node]:
        """The schema, then each member of its `allOf`, depth first, each place once."""
        stack, seen = [node], set[str]()
        while stack and len(seen) < MAX_LAYERS:
            part = stack.pop()
            if isinstance(part.value, _Held):
                part = part.value.node
            if is_reference(part.value):
                target = self._references.follow(part)
                if target is None:
                    continue
                if target.at != node.at and discriminator_of(target) is not None and target.at not in layers.bases:
                    layers.bases.append(target.at)
                if self._references.version.references_have_siblings and self._has_structure(part.value):
                    stack.append(target)
                    target = Node(
                        {key: value for key, value in part.value.items() if key not in ("$ref", "$dynamicRef")}, part.at
                    )
                part = target
            if not isinstance(part.value, dict) or part.at in seen:
                continue
            seen.add(part.at)
            yield part
            stack.extend(reversed(part.child("allOf").items()))

    # ------------------------------------------------------------ oneOf, anyOf

    def _alternatives(self, layers: Layers, at: str) -> tuple[list[Node], bool]:
        """What is left of the alternatives without null and mere constraints, nested ones flattened, each once (C2)."""
        found: dict[str, Node] = {}
        nullable = False
        pending = [node for part in layers.rank for node in self._listed(part, at)]
        pending.reverse()
        seen: set[str] = set()
        while pending and len(seen) < MAX_LAYERS * 5:
            node = pending.pop()
            node = node.value.node if isinstance(node.value, _Held) else node
            target = self._references.follow(node)
            if target is None:
                found[node.at] = node
                continue
            if target.at in seen:
                continue
            seen.add(target.at)
            if _is_null(target.value):
                nullable = True
            elif _only_alternatives(target.value):
                nullable = nullable or target.value.get("nullable") is True
                pending.extend(reversed(self._listed(target, at)))
            elif isinstance(target.value, dict) and set(target.value) <= _CONSTRAINTS and target.value:
                continue
            else:
                nullable = nullable or (is_reference(node.value) and node.value.get("nullable") is True)
                found[target.at] = target
        return list(found.values()), nullable

    def _listed(self, part: Node, at: str) -> list[Node]:
        """The alternatives a layer lists; not those of a base that lists the very schema we read."""
        nodes = [*part.child("oneOf").items(), *part.child("anyOf").items()]
        if nodes and part.at != at:
            ends = (self._references.follow(node) for node in nodes)
            if any(end is not None and end.at == at for end in ends):
                return []
        return nodes


class _Held:
    """A node inside a made-up `allOf`, which keeps its own place."""

    def __init__(self, node: Node) -> None:
        self.node = node


def _beside(shape: Shape, value: dict[str, Any], nullable: bool) -> Shape:
    """A shape with what stands beside the only schema it comes from."""
    description = value.get("description")
    return msgspec.structs.replace(
        shape,
        nullable=shape.nullable or nullable,
        description=description if isinstance(description, str) and description else shape.description,
        deprecated=shape.deprecated or value.get("deprecated") is True,
    )


def _base_first(rank: list[Node], node: Node) -> list[Node]:
    """Bases in the order written, the schema's own keywords last."""
    return [*(part for part in rank if part is not node and part.at != node.at), *(part for part in rank if part.at == node.at)]


def _is_null(value: Any) -> bool:
    """`{type: null}`, `{enum: [null]}`, `{const: null}`, and `{type: object, nullable: true}` with nothing else (U1)."""
    if not isinstance(value, dict):
        return False
    if value.get("type") in ("null", ["null"]) or value.get("enum") == [None] or ("const" in value and value["const"] is None):
        return True
    return (
        value.get("nullable") is True
        and set(value) <= {"nullable", "type", "description"}
        and value.get("type", "object") == "object"
    )


def _only_alternatives(value: Any) -> bool:
    """A nested union, and nothing that would make it another type."""
    if not isinstance(value, dict) or not (isinstance(value.get("oneOf"), list) or isinstance(value.get("anyOf"), list)):
        return False
    plain = {"oneOf", "anyOf", "discriminator", "type", "nullable"} | _ANNOTATIONS
    return all(key in plain or key.startswith("x-") for key in value)
