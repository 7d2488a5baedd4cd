"""Names: kept where GraphQL allows, else escaped as a pure function of the name (rules N1-N9, R1-R4)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

LEGAL = re.compile(r"(?!__)[_A-Za-z][_0-9A-Za-z]*\Z")
RESERVED = frozenset({"Query", "Mutation", "Subscription", "Int", "Float", "String", "Boolean", "ID"})
_FORBIDDEN = re.compile(r"[^_0-9A-Za-z]")
_SIGN = re.compile(r"^[+-](?=\d|\Z)|[+-]\Z")
MERGED = "+"
"""Ends the place of a schema that several schemas of one property come to; no keyword is called so."""
_ENUM_WORDS = frozenset({"true", "false", "null"})


def legal(name: str) -> bool:
    return LEGAL.match(name) is not None


def escape(name: str) -> str:
    """A legal name for an illegal one (N2); a legal one comes back unchanged."""
    if legal(name):
        return name
    text = _SIGN.sub(lambda sign: "_plus_" if sign.group() == "+" else "_minus_", name)
    text = _FORBIDDEN.sub(_escape_character, text)
    if not text:
        return "_empty"
    if text[0].isdigit():
        text = f"_{text}"
    if text.startswith("__"):
        text = f"_{text.lstrip('_')}"
    return text


def _escape_character(match: re.Match[str]) -> str:
    character = match.group()
    if character.isascii():
        return "_"
    if character.isalpha():
        plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
        if plain.isalnum():
            return plain
    return f"_u{ord(character):04X}"


def escape_value(name: str) -> str:
    """Enum values: as names, but `true`, `false` and `null` are not free either (T5)."""
    return f"_{name}" if name in _ENUM_WORDS else escape(name)


def distinct(names: Iterable[str], escaped: Mapping[str, str] | None = None, taken: Iterable[str] = ()) -> dict[str, str]:
    """Source name → name, none lost: a name that needs no escaping keeps it, the others count on in source order (N3)."""
    names = list(names)
    wanted = {name: (escaped[name] if escaped else escape(name)) for name in names}
    used = set(taken) | {name for name in names if wanted[name] == name}
    result: dict[str, str] = {}
    for name in names:
        result[name] = name if wanted[name] == name else unused(wanted[name], used)
        used.add(result[name])
    return result


def unused(name: str, used: set[str] | Mapping[str, object]) -> str:
    """`name`, or the first of `name_2`, `name_3`, ... that nobody has."""
    if name not in used:
        return name
    stem = "" if name == "_" else name  # a name may not begin with two
    count = 2
    while f"{stem}_{count}" in used:
        count += 1
    return f"{stem}_{count}"


def path_name(path: str, method: str = "get") -> str:
    """The root field of an operation that has no usable id: a function of its path alone (R2)."""
    segments = [segment for segment in path.split("/") if segment]
    words = (re.sub(r"\{([^{}]*)\}", r"by_\1", segment) for segment in segments)
    return escape("_".join([method, *(_FORBIDDEN.sub("_", word) for word in words)]))


def encodable(text: str) -> str:
    """Without lone surrogates, which JSON can write and no encoding can carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def tokens(pointer: str) -> list[str]:
    """The reference tokens of a JSON pointer in URI fragment form (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in unquote(pointer).split("/")[1:]]


def token(key: str) -> str:
    """One key as a token of a pointer as this room writes them: `~` and `/` escaped, `%` too, so that it reads back."""
    return key.replace("~", "~0").replace("/", "~1").replace("%", "%25") if ("/" in key or "~" in key or "%" in key) else key


class Naming:
    """Who has which type name. A type is named after its place, so that names do not depend on what else is built (N6, N7)."""

    def __init__(self, shared: Mapping[str, Iterable[str]], roots: Mapping[str, str], reserved: frozenset[str]) -> None:
        self._roots = roots
        self._reserved = RESERVED | reserved
        self._taken: dict[str, str] = {}
        self._given: dict[str, str] = {}
        self._hints: dict[str, str] = {}
        self._shared: dict[str, str] = {}
        for prefix, keys in shared.items():
            keys = list(keys)
            wanted = {key: self._free_of_reserved(escape(key)) for key in keys}
            for key, name in distinct(keys, wanted).items():
                self._shared[f"{prefix}/{token(key)}"] = unused(name, self._taken)
                self._taken[self._shared[f"{prefix}/{token(key)}"]] = f"{prefix}/{token(key)}"

    def hint(self, at: str, name: str) -> None:
        """A name for a place whose pointer says too little (the schema of a parameter)."""
        self._hints.setdefault(at, name)

    def of(self, at: str, suffix: str = "") -> str:
        """The name of the type that stands at this place; the same each time it is asked."""
        key = at + suffix
        if key not in self._given:
            name = self._shared.get(key) or unused(self._free_of_reserved(self.wanted(at) + suffix), self._taken)
            self._taken.setdefault(name, key)
            self._given[key] = name
        return self._given[key]

    def source_name(self, at: str) -> str:
        """What the document calls the schema at this place, where it is a shared one; else an empty string."""
        return tokens(at.partition("#")[2])[-1] if at in self._shared else ""

    def wanted(self, at: str) -> str:
        if at in self._shared:
            return self._shared[at]
        if at in self._hints:
            return self._hints[at]
        head, _, last = at.rpartition("/")
        if at.endswith("#") or not head or head.endswith("#"):
            return self._file_name(at)
        return self._step(head, unquote(last).replace("~1", "/").replace("~0", "~"))

    def _step(self, head: str, last: str) -> str:
        """One token further: a property adds its name, an alternative its number, lists and wrappers add nothing."""
        parent, _, keyword = head.rpartition("/")
        if keyword == "properties":
            return f"{self.wanted(parent)}_{escape(last)}"
        if keyword in ("oneOf", "anyOf") and last.isdigit():
            return f"{self.wanted(parent)}_{int(last) + 1}"
        if keyword in ("allOf", "prefixItems", "content"):
            return self.wanted(parent)
        if keyword == "patternProperties":
            return f"{self.wanted(parent)}_value"
        if keyword == "responses":
            return f"{self._owner(parent, last)}_response"
        if keyword == "paths":
            return self._roots.get(last, path_name(last))
        if keyword in ("schemas", "definitions", "parameters", "headers", "$defs"):
            return escape(last)
        if last in ("items", "schema", "get", "post", MERGED):
            return self.wanted(head)
        return f"{self.wanted(head)}_{'value' if last == 'additionalProperties' else escape(last)}"

    def _owner(self, parent: str, last: str) -> str:
        """A response belongs to its operation, or is shared under its own name."""
        shared = parent.endswith(("#", "#/components"))
        return escape(last) if shared else self.wanted(parent)

    def _file_name(self, at: str) -> str:
        file, _, pointer = at.partition("#")
        if pointer.strip("/"):
            return escape(tokens(pointer)[-1])
        return escape(file.rpartition("/")[2].partition(".")[0]) if file else "document"

    def _free_of_reserved(self, name: str) -> str:
        return f"{name}_" if name in self._reserved else name
