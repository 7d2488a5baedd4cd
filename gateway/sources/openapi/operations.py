"""Paths become operations: which are read, what each is called, what it answers with (rules L7, R1-R7, S1-S4)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

import msgspec
from graphql import FieldDefinitionNode

from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.names import distinct, escape, path_name, unused
from gateway.sources.openapi.nodes import field, named
from gateway.sources.openapi.options import Choice, Options
from gateway.sources.openapi.options import Operation as OperationOptions
from gateway.sources.openapi.references import Node, References

_SUCCESS = re.compile(r"2\d\d\Z")
_REFUSAL = re.compile(r"4(\d\d|XX)\Z", re.IGNORECASE)
_JSON = re.compile(r"[^/]+/(json|.*\+json)\Z")
_WRITES = ("post", "put", "patch", "delete")
_STREAMS = frozenset({"text/event-stream"})


class Response(msgspec.Struct, frozen=True):
    """The success response that was chosen. `kind`: json, text, binary or empty."""

    kind: str
    schema: Node | None
    media: str
    node: Node
    description: str = ""


class Operation(msgspec.Struct, frozen=True):
    """An operation that only reads, and the root field it becomes."""

    field: str
    method: str
    path: str
    node: Node
    item: Node
    options: OperationOptions

    @property
    def id(self) -> str:
        return self.node.text("operationId")

    @property
    def template(self) -> str:
        """For people and metrics: `GET /users/{id}`."""
        return f"{self.method} {self.path}"

    @property
    def description(self) -> str:
        """Summary, description and where more is written (R7)."""
        parts = [self.node.text("summary"), self.node.text("description")]
        if url := self.node.child("externalDocs").text("url"):
            parts.append(f"See {url}")
        return "\n\n".join(part for part in parts if part)

    @property
    def deprecated(self) -> bool:
        return bool(self.node.value.get("deprecated") is True)


def find_operations(references: References, options: Options, fidelity: Fidelity) -> dict[str, Operation]:
    """Root field → operation, for all that may be read. Names are settled here, before anything is left out (R1-R4)."""
    found = [
        (method, path, item, node) for method, path, item, node in _readable(references, options) if isinstance(node.value, dict)
    ]
    ids = [node.text("operationId") for _, _, _, node in found]
    count = Counter(escape(name) for name in ids if name)
    kept = [name for name in ids if name and count[escape(name)] == 1]
    names = distinct(kept)
    used = set(names.values())
    operations: dict[str, Operation] = {}
    for (method, path, item, node), name in zip(found, ids, strict=True):
        field = names.get(name) or unused(path_name(path, method), used)
        used.add(field)
        if name and name not in names:
            fidelity.deviation(
                "OPERATION_ID_DUPLICATE", node.at, f"The operationId {name!r} is not unique; the field is called {field}."
            )
        elif name and name != field:
            fidelity.deviation("NAME_ESCAPED", node.at, f"The operationId {name!r} is written {field} in the schema.")
        chosen = options.operations.get(f"{method.upper()} {path}", _NO_OPTIONS)
        operations[field] = Operation(field, method.upper(), path, node, item, chosen)
    return operations


_NO_OPTIONS = OperationOptions()


def _readable(references: References, options: Options) -> Iterator[tuple[str, str, Node, Node]]:
    """GETs, and the POSTs that the configuration calls queries."""
    places = ("paths", "x-ms-paths") if options.x_ms_paths == "on" else ("paths",)
    methods = ("get", "query") if options.query_method == "on" else ("get",)
    for path, node in (each for place in places for each in references.root.child(place).members()):
        item = references.follow(node)
        if item is None or not isinstance(item.value, dict) or path.startswith("x-"):
            continue
        said = options.operations.get(f"POST {path}")
        for method in (*methods, "post") if said is not None and said.as_ == "query" else methods:
            operation = references.follow(item.child(method)) if method in item.value else None
            if operation is not None:
                yield method, path, item, operation


def is_wanted(operation: Operation, options: Options) -> bool:
    """Whether the configuration leaves the operation in (R5)."""
    if operation.options.exclude:
        return False
    if options.include is not None and not _chosen(operation, options.include):
        return False
    return options.exclude is None or not _chosen(operation, options.exclude)


def _chosen(operation: Operation, choice: Choice) -> bool:
    tags = operation.node.value.get("tags")
    if isinstance(tags, list) and not set(map(str, tags)).isdisjoint(choice.tags):
        return True
    return operation.id in choice.operations or any(fnmatchcase(operation.path, pattern) for pattern in choice.paths)


def writes(references: References, options: Options) -> dict[str, FieldDefinitionNode]:
    """Operations that change something, by the names a mutation would have: never performed, kept to say whose they are."""
    found: dict[str, FieldDefinitionNode] = {}
    for path, node in references.root.child("paths").members():
        item = references.follow(node)
        for method in _WRITES if item is not None else ():
            operation = references.follow(item.child(method)) if item is not None else None
            said = options.operations.get(f"{method.upper()} {path}", _NO_OPTIONS)
            if operation is not None and isinstance(operation.value, dict) and said.as_ != "query":
                name = escape(operation.text("operationId")) if operation.text("operationId") else path_name(path, method)
                found.setdefault(name, field(name, named("Boolean"), f"{method.upper()} {path}"))
    return found


# ---------------------------------------------------------------- responses


def success(references: References, operation: Operation) -> Response | None:
    """The lowest 2xx with a body, else `2XX`, else `default` where no 2xx is declared (S1). None: no success is described."""
    responses = {str(code): node for code, node in operation.node.child("responses").members()}
    codes = sorted(code for code in responses if _SUCCESS.match(code)) + [code for code in responses if code.upper() == "2XX"]
    if not codes:
        codes = [code for code in responses if code == "default"]
    first: Response | None = None
    for code in codes:
        node = references.follow(responses[code])
        if node is None or not isinstance(node.value, dict):
            continue
        response = _swagger_body(references, operation, node) if references.version.swagger else _body(references, node)
        if response.kind in ("json", "text"):
            return response
        first = response if first is None or (first.kind == "empty" and response.kind == "binary") else first
    return first


def described(references: References, operation: Operation, wanted: Callable[[str], bool]) -> dict[str, Node]:
    """Status → schema of the JSON body, of the responses whose status is wanted."""
    found: dict[str, Node] = {}
    for code, said in operation.node.child("responses").members():
        node = references.follow(said) if wanted(str(code)) else None
        if node is None or not isinstance(node.value, dict):
            continue
        response = _swagger_body(references, operation, node) if references.version.swagger else _body(references, node)
        if response.kind == "json" and response.schema is not None:
            found[str(code)] = response.schema
    return found


def is_success(code: str) -> bool:
    return bool(_SUCCESS.match(code)) or code.upper() == "2XX"


def is_refusal(code: str) -> bool:
    """What the caller is told to be wrong about the call: 4xx."""
    return bool(_REFUSAL.match(code))


def is_failure(code: str) -> bool:
    return code == "default" or code[:1] in ("4", "5")


def _swagger_body(references: References, operation: Operation, node: Node) -> Response:
    """2.0: one schema, and the media types of the operation or of the document."""
    schema = node.child("schema")
    said = operation.node.value.get("produces", references.root.value.get("produces"))
    produces = [str(media) for media in said] if isinstance(said, list) else []
    words = node.text("description")
    if schema.value is None:
        return Response("empty", None, "", node, words)
    if isinstance(schema.value, dict) and schema.value.get("type") == "file":
        return Response("binary", None, produces[0] if produces else "*/*", node, words)
    media = best_media(produces) if produces else "application/json"
    return Response(media_kind(media), schema, media, node, words)


def _body(references: References, node: Node) -> Response:
    content = {media: each for media, each in node.child("content").members() if isinstance(each.value, dict)}
    words = node.text("description")
    described = [media for media, each in content.items() if media_kind(media) != "json" or _has_schema(each)]
    media = best_media(described)
    if not media:
        return Response("empty", None, "", node, words)
    entry = references.follow(content[media]) or content[media]
    return Response(media_kind(media), entry.child("schema"), media, node, words)


def _has_schema(node: Node) -> bool:
    return isinstance(node.value.get("schema"), (dict, bool))


def _essence(media: str) -> str:
    return media.partition(";")[0].strip().lower()


def media_kind(media: str) -> str:
    essence = _essence(media)
    if not essence:
        return "empty"
    if _JSON.match(essence) or essence in ("*/*", "application/*"):
        return "json"
    if essence.startswith("text/") and essence not in _STREAMS:
        return "text"
    return "stream" if essence in _STREAMS or "ndjson" in essence or "json-seq" in essence or "jsonl" in essence else "binary"


def best_media(medias: list[str]) -> str:
    """application/json, another JSON, anything, text, bytes, in this order (S4)."""

    def rank(media: str) -> int:
        essence = _essence(media)
        if essence == "application/json":
            return 0
        kinds = {"json": 2 if "*" in essence else 1, "text": 3, "binary": 4, "stream": 5}
        return kinds[media_kind(media)]

    return min((media for media in medias if _essence(media)), key=rank, default="")
