"""`$ref`: every place of the document and of the files beside it, by (file, pointer); never inlined, cycles welcome (L4-L6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.names import token, tokens
from gateway.sources.openapi.reading import Unusable, Version, read

MAX_FILES = 10_000
MAX_BYTES = 64 * 1024 * 1024
"""Of all files beside a document together."""
MAX_CHAIN = 100
MEANINGLESS_BESIDE_REF = frozenset(
    {"$ref", "$dynamicRef", "description", "summary", "title", "example", "examples", "default", "deprecated"}
)


class Node(NamedTuple):
    """A value and its identity: `at` is `file#pointer`, the file empty for the document itself."""

    value: Any
    at: str

    def child(self, *keys: str) -> Node:
        """The node under these keys; its value is None where there is nothing."""
        value, at = self.value, self.at
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
            at = f"{at}/{token(key)}"
        return Node(value, at)

    def items(self) -> list[Node]:
        """The nodes of a list; empty where it is none."""
        return [Node(item, f"{self.at}/{index}") for index, item in enumerate(self.value)] if isinstance(self.value, list) else []

    def members(self) -> list[tuple[str, Node]]:
        """The nodes of an object; empty where it is none."""
        if not isinstance(self.value, dict):
            return []
        return [(str(key), Node(value, f"{self.at}/{token(str(key))}")) for key, value in self.value.items()]

    def text(self, key: str) -> str:
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return value if isinstance(value, str) else ""


NOWHERE = Node(None, "")


def reference_of(value: Any) -> str | None:
    """Where a schema refers to; dynamic references are read as static ones. A property called `$ref` is not a text."""
    if not isinstance(value, dict):
        return None
    reference = value.get("$ref")
    if reference is None and "$dynamicRef" in value:
        reference = value["$dynamicRef"]
    return reference if isinstance(reference, str) else None


def is_reference(value: Any) -> bool:
    return reference_of(value) is not None


def references_in(document: Any) -> Iterator[str]:
    """Every reference to another document."""
    pending = [document]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                yield reference
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


class References:
    """Follows references; what leads nowhere is None and a line in the report, once."""

    def __init__(
        self,
        document: Any,
        version: Version,
        fidelity: Fidelity,
        folder: Path | None = None,
        remote: Mapping[str, Any] | None = None,
    ) -> None:
        self.version = version
        self._fidelity = fidelity
        self._folder = folder.resolve() if folder else None
        self._files: dict[str, Any] = {"": document, **(remote or {})}
        self._bytes = 0
        self.tried: set[str] = set()
        """Files beside the document that it refers to, there or not."""
        self._anchors: dict[str, dict[str, str]] = {}
        self._found: dict[tuple[str, str], Node | None] = {}

    @property
    def root(self) -> Node:
        return Node(self._files[""], "#")

    def follow(self, node: Node) -> Node | None:
        """The node itself, or where its chain of references ends; None when it ends nowhere."""
        seen: set[str] = set()
        while (reference := reference_of(node.value)) is not None:
            if node.at in seen or len(seen) > MAX_CHAIN:
                self._fidelity.deviation("REF_CIRCULAR", node.at, "This reference leads only to itself; it is read as any JSON.")
                return None
            seen.add(node.at)
            found = self.resolve(reference, node.at)
            if found is None:
                return None
            node = found
        return node

    def resolve(self, reference: str, at: str) -> Node | None:
        """Where `reference`, written at the place `at`, points to."""
        file = at.partition("#")[0]
        key = (file, reference)
        if key not in self._found:
            self._found[key] = self._resolve(file, reference, at)
        return self._found[key]

    def node(self, at: str) -> Node | None:
        """The node at a place; None for the places of made-up schemas."""
        file, _, pointer = at.partition("#")
        return self._walk(file, pointer) if file in self._files else None

    def named(self, name: str) -> Node | None:
        """The shared schema of this name."""
        node = self.root.child(*tokens(self.shared_prefix), name)
        return node if node.value is not None else None

    def shared(self) -> list[tuple[str, Node]]:
        """The shared schemas of the document."""
        return self.root.child(*tokens(self.shared_prefix)).members()

    def files(self) -> list[Any]:
        """The document, and every file beside it that it leads to, by however many steps."""
        names = [""]
        for name in names:
            for reference in references_in(self._files[name]):
                target = reference.partition("#")[0]
                known, file = self._file(name, target, f"{name}#") if target and "://" not in target else (False, "")
                if known and file not in names:
                    names.append(file)
        return [self._files[name] for name in names]

    def _resolve(self, file: str, reference: str, at: str) -> Node | None:
        target, _, fragment = reference.partition("#")
        known, name = self._file(file, target, at) if target else (True, file)
        if not known:
            return None
        if fragment and not fragment.startswith("/"):
            pointer = self._anchors_of(name).get(unquote(fragment))
            if pointer is None and name == "" and isinstance(self._shared(fragment), dict):
                pointer = f"{self.shared_prefix}/{token(fragment)}"
            fragment = pointer if pointer is not None else f"/{fragment}"
        node = self._walk(name, fragment)
        if node is None:
            self._fidelity.deviation("REF_UNRESOLVED", at, f"The reference {reference!r} leads nowhere; it is read as any JSON.")
        return node

    def _walk(self, file: str, pointer: str) -> Node | None:
        node = Node(self._files[file], f"{file}#")
        for key in tokens(pointer):
            found = _step(node, key)
            if found is None:
                return None
            node = found
        return node

    @property
    def shared_prefix(self) -> str:
        return "/definitions" if self.version.swagger else "/components/schemas"

    def _shared(self, name: str) -> Any:
        """Documents also write `$ref: Pet` for a shared schema."""
        return self.root.child(*tokens(self.shared_prefix), name).value

    # ------------------------------------------------------------ other files

    def _file(self, file: str, target: str, at: str) -> tuple[bool, str]:
        """(known, name) of the file a reference names, read on first use."""
        name = urljoin(file, unquote(target)) if file or "://" not in target else target
        if name in self._files:
            return True, name
        if urlsplit(name).scheme:
            message = f"The reference to {_shown(name)} is not followed: `options.allow_remote_refs` does not allow it."
            self._fidelity.deviation("REF_REMOTE", at, message)
            return False, name
        reason = self._load(name)
        if reason:
            self._fidelity.deviation("REF_FILE", at, f"The reference to the file {name!r} is not followed: {reason}.")
        return not reason, name

    def _load(self, name: str) -> str:
        """Read a file beside the document; the reason why not, or an empty string."""
        if self._folder is None:
            return "the document does not come from a folder"
        if len(self._files) > MAX_FILES:
            return f"the document refers to more than {MAX_FILES} files"
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            return "it is outside the folder of the document"
        self.tried.add(name)
        try:
            self._bytes += path.stat().st_size
            if self._bytes > MAX_BYTES:
                return f"the files that the document refers to are larger than {MAX_BYTES // 2**20} MiB"
            self._files[name] = read(path.read_bytes(), name, self._fidelity)
        except OSError as error:
            return error.strerror or "it cannot be read"
        except Unusable as error:
            return str(error).rstrip(".")
        return ""

    def _anchors_of(self, file: str) -> dict[str, str]:
        """`$anchor`, `$dynamicAnchor` and `$id` of a file's shared schemas → pointer. Only these places are searched."""
        if file not in self._anchors:
            found: dict[str, str] = {}
            for _, node in Node(self._files[file], "#").child("components", "schemas").members():
                for keyword in ("$anchor", "$dynamicAnchor", "$id"):
                    if name := node.text(keyword):
                        found.setdefault(name.removeprefix("#"), node.at.removeprefix("#"))
            self._anchors[file] = found
        return self._anchors[file]


def _step(node: Node, key: str) -> Node | None:
    at = f"{node.at}/{token(key)}"
    if isinstance(node.value, dict) and key in node.value:
        return Node(node.value[key], at)
    if isinstance(node.value, list) and key.isdecimal() and int(key) < len(node.value):
        return Node(node.value[int(key)], at)
    return None


def _shown(url: str) -> str:
    """Without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
