"""Between the parts of a document and what is kept of them for the next start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.config.model import Link
from gateway.sources.lookups import read_lookups
from gateway.sources.openapi.assembly import Parts, root_with
from gateway.sources.openapi.build import QUERY, Built, Setting
from gateway.sources.openapi.earlier import file_digest, keep
from gateway.sources.openapi.fidelity import Fidelity
from gateway.sources.openapi.kept import Endpoints, Kept, Origins, kept_operation, kept_wire, skeleton
from gateway.sources.openapi.nodes import field, named
from gateway.sources.openapi.reading import Version
from gateway.sources.openapi.references import References
from gateway.sources.openapi.security import schemes
from gateway.sources.packed import Packed, opened_field, pack, packed_field

if TYPE_CHECKING:
    from gateway.config.model import Source

_encode = msgspec.msgpack.Encoder().encode


class Keeper:
    """Writes what was built to where the next start finds it; called once, when it is being served."""

    def __init__(self, path: Path, key: bytes, built: Built, parts: Parts, base: Path | None) -> None:
        self._path, self._key, self._base = path, key, base
        self._made: tuple[Built, Parts] | None = (built, parts)

    def __call__(self) -> None:
        made, self._made = self._made, None  # the document itself is not needed any more
        if made is not None:
            keep(self._path, self._key, _kept(*made, self._base))


def _kept(built: Built, parts: Parts, base: Path | None) -> Kept:
    references = built.draft.references
    index, text = pack(parts.types)
    operations = {name: kept_operation(each, built.operations[name]) for name, each in built.endpoints.items()}
    return Kept(
        version=(references.version.major, references.version.minor),
        root=skeleton(references, schemes(references)),
        files={name: file_digest(base / name) for name in references.tried} if base is not None else {},
        index=index,
        text=text,
        unexposed={name: packed_field(node) for name, node in parts.unexposed.items()},
        operations={name: msgspec.Raw(_encode(each)) for name, each in operations.items()},
        wire=kept_wire(built.draft),
        refused={name: node.description.value for name, node in parts.refused.items() if node.description is not None},
        origins=msgspec.Raw(_encode(dict(parts.origins))),
        links=tuple(each.model_dump(by_alias=True, exclude_unset=True) for each in parts.links),
        diagnostics=parts.diagnostics,
    )


def parts_of(kept: Kept, source: Source, setting: Setting) -> Parts | None:
    """None: the lookups of the configuration do not hold, and building anew says why."""
    types = Packed(kept.index, kept.text)
    unexposed = {name: opened_field(packed) for name, packed in kept.unexposed.items()}
    lookups, problems = read_lookups(source, root_with(types, unexposed), QUERY, in_pages=True)
    if problems:
        return None
    root: Any = kept.root
    references = References(root, Version(*kept.version), Fidelity())
    return Parts(
        types=types,
        unexposed=unexposed,
        endpoints=Endpoints(kept.operations, references, setting),
        wire=kept.wire.wire(setting.options),
        sent=kept.wire.sent,
        root=references,
        refused={name: field(name, named("Boolean"), said) for name, said in kept.refused.items()},
        origins=Origins(kept.origins),
        diagnostics=kept.diagnostics,
        lookups=lookups,
        links=tuple(Link.model_validate(each) for each in kept.links),
        files=frozenset(kept.files),
    )
