"""Parameters become arguments: which, under what name, and how each is written on the wire (rules A1-A5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.names import distinct, escape
from gateway.sources.openapi.operations import Operation, best_media, media_kind
from gateway.sources.openapi.references import Node, References

PLACES = ("path", "query", "header", "cookie")
BODY = "body"
"""Of a POST that only reads; a GET has none."""
NEVER = frozenset({"accept", "content-type", "authorization"})
"""Header parameters that the text says are to be ignored."""
TEMPLATE = re.compile(r"\{([^{}]+)\}")
_STYLES = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}
_COLLECTIONS = {"ssv": "spaceDelimited", "pipes": "pipeDelimited", "tsv": "tabDelimited"}


class Parameter(msgspec.Struct, frozen=True):
    """A parameter and the argument it becomes. `content`: its value is JSON text."""

    name: str
    argument: str
    place: str
    required: bool
    style: str
    explode: bool
    schema: Node
    node: Node
    reserved: bool = False
    content: str = ""

    @property
    def deprecated(self) -> bool:
        return isinstance(self.node.value, dict) and self.node.value.get("deprecated") is True


class Withheld(msgspec.Struct, frozen=True):
    """Parameters the gateway fills in itself: (place, name in lower case)."""

    names: frozenset[tuple[str, str]] = frozenset()

    def has(self, place: str, name: str) -> bool:
        return (place, name.lower()) in self.names or (place == "header" and name.lower() in NEVER)


def parameters_of(references: References, operation: Operation, withheld: Withheld, fidelity: Fidelity) -> tuple[Parameter, ...]:
    """The operation's parameters in the order of the document, with the path item's under them, and those only its path names."""
    found: dict[tuple[str, str], Node] = {}
    for listed in (operation.item.child("parameters"), operation.node.child("parameters")):
        for entry in listed.items():
            node = references.follow(entry)
            if node is None or not isinstance(node.value, dict):
                continue
            place, name = node.text("in"), node.value.get("name")
            allowed = place in PLACES or (place == BODY and operation.method in ("POST", "QUERY"))
            if allowed and name is not None and not withheld.has(place, str(name)):
                found[(place, str(name))] = node
    if (body := _request_body(references, operation)) is not None:
        found[(BODY, BODY)] = body
    templates = TEMPLATE.findall(operation.path.partition("#")[0])
    for name in templates:
        if ("path", name) not in found:
            fidelity.deviation(
                "PATH_PARAMETER_MISSING", operation.node.at, f"The path names {{{name}}} but no parameter describes it: a String."
            )
            found[("path", name)] = Node(
                {"in": "path", "name": name, "required": True, "type": "string"}, f"{operation.node.at}/parameters/{name}"
            )
    arguments = _argument_names(found)
    return tuple(
        _parameter(references, key[1], arguments[key], key[0], node)
        for key, node in found.items()
        if key[0] != "path" or key[1] in templates
    )


def _request_body(references: References, operation: Operation) -> Node | None:
    """The JSON body of a POST that only reads, from 3.0 on."""
    node = references.follow(operation.node.child("requestBody")) if operation.method in ("POST", "QUERY") else None
    medias = [media for media, _ in node.child("content").members()] if node is not None else []
    return node if media_kind(best_media(medias)) == "json" else None


def _argument_names(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Unchanged; without a trailing `[]` where that is free; with its place where a name stands in several (A1)."""
    keys = list(keys)
    plain: dict[str, tuple[str, str]] = {}
    for place in (*PLACES, BODY):
        for key in keys:
            if key[0] == place:
                plain.setdefault(key[1], key)
    wanted: dict[str, str] = {}
    for key in keys:
        place, name = key
        short = name.removesuffix("[]")
        text = short if short and short not in plain else name
        wanted[f"{place}:{name}"] = escape(text if plain[name] == key else f"{text}_{place}")
    first = [f"{place}:{name}" for place, name in keys if wanted[f"{place}:{name}"] == name]
    others = [f"{place}:{name}" for place, name in keys if f"{place}:{name}" not in first]
    names = distinct([*first, *others], wanted)
    return {(place, name): names[f"{place}:{name}"] for place, name in keys}


def _parameter(references: References, name: str, argument: str, place: str, node: Node) -> Parameter:
    schema, content = _schema(references, node)
    style, explode = _style(node, place)
    return Parameter(
        name=name,
        argument=argument,
        place=place,
        required=node.value.get("required") is True or place == "path",
        style=style,
        explode=explode,
        schema=schema,
        node=node,
        reserved=node.value.get("allowReserved") is True,
        content=content,
    )


def _schema(references: References, node: Node) -> tuple[Node, str]:
    """(schema, media type where the value is a document of its own)."""
    if isinstance(node.value.get("schema"), (dict, bool)):
        return node.child("schema"), ""
    if references.version.swagger or "type" in node.value:
        return node, ""
    content = dict(node.child("content").members())
    media = best_media(list(content))
    return (content[media].child("schema"), media) if media else (node.child("schema"), "")


def _style(node: Node, place: str) -> tuple[str, bool]:
    collection = node.value.get("collectionFormat")
    if isinstance(collection, str):
        style = _COLLECTIONS.get(collection, _STYLES[place])
        return style, collection == "multi"
    style = node.text("style") or _STYLES.get(place, "")
    said = node.value.get("explode")
    swagger_csv = "schema" not in node.value and "content" not in node.value and "type" in node.value
    return style, said if isinstance(said, bool) else style == "form" and not swagger_csv
