"""A configuration read all the way: settings, sources, supergraph. What `serve` does, without serving."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from graphql import build_client_schema, print_schema

from gateway.app import settings_of, supergraph
from gateway.app.changes import SEEN, Change, compare, standing
from gateway.app.history import History
from gateway.app.line import Line, lines
from gateway.app.loading import Loaded, load
from gateway.composition import Supergraph
from gateway.config.model import Settings, Source
from gateway.config.problem import ConfigError, Problem
from gateway.sources.base import Diagnostic, Subgraph
from gateway.sources.report import reachable

SDL = frozenset({".graphql", ".graphqls", ".gql"})


class Read(msgspec.Struct, frozen=True):
    """What became of a configuration. `problems` stop nothing that could be read."""

    settings: Settings
    loaded: Mapping[str, Loaded]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the sources: their documents, and services that are down without a copy."""
        found = [problem for each in self.loaded.values() for problem in each.problems]
        found += [self._missing(name, each.missing.problem) for name, each in self.loaded.items() if each.missing]
        return self.settings.located(found)

    @property
    def subgraphs(self) -> tuple[Subgraph, ...]:
        return tuple(subgraph for each in self.loaded.values() for subgraph in each.subgraphs)

    def compose(self) -> Supergraph:
        """Raises `ConfigError` with the problems of the sources, or else those of composition."""
        errors = [problem for problem in self.problems if problem.severity == "error"]
        if errors:
            raise ConfigError(errors)
        return supergraph(self.settings, {name: each for name, each in self.loaded.items() if each.subgraphs})

    def hints(self) -> tuple[Problem, ...]:
        """Worth knowing, stops nothing: copies that are used, and where a document could not be followed to the letter."""
        return tuple(hint for source in self.settings.sources for hint in _hints(source, self.loaded[source.name]))

    def _missing(self, name: str, problem: Problem) -> Problem:
        """A source that may be left out is no error."""
        source = next(source for source in self.settings.sources if source.name == name)
        return msgspec.structs.replace(problem, severity="hint") if source.schema_.on_missing == "omit" else problem


def read(config: Path, profile: str | None = None) -> Read:
    """Raises `ConfigError` with the problems of the configuration itself."""
    settings = settings_of(config, profile)
    return Read(settings, asyncio.run(_load(_looking(settings))))


def _looking(settings: Settings) -> list[Line]:
    """Lines that only look: what they read does not become the last good copy of a gateway that serves, and nothing is believed
    that an earlier start made of it."""
    return [
        msgspec.structs.replace(line, sends=msgspec.structs.replace(line.sends, fresh={}, built=None)) for line in lines(settings)
    ]


async def _load(lines: Sequence[Line]) -> dict[str, Loaded]:
    try:
        found = await asyncio.gather(*map(load, lines))
    finally:
        await asyncio.gather(*(line.close() for line in lines))
    return dict(zip((line.source.name for line in lines), found, strict=True))


def _hints(source: Source, loaded: Loaded) -> list[Problem]:
    told = [diagnostic for subgraph in loaded.subgraphs for diagnostic in (*subgraph.diagnostics, *subgraph.hints)]
    hints = [_told(source, diagnostic) for diagnostic in told]
    if loaded.subgraphs and not loaded.settled:
        message = f"{source.name} could not be read; a copy of its schema is used"
        hints.append(_hint(source, "SCHEMA_COPY", message, ("schema",)))
    return hints


def _told(source: Source, diagnostic: Diagnostic) -> Problem:
    hint = _hint(source, diagnostic.code, diagnostic.message, ())
    return msgspec.structs.replace(hint, coordinates=(f"{source.name}: {diagnostic.pointer}",), fix=diagnostic.fix)


def _hint(source: Source, code: str, message: str, at: tuple[str, ...]) -> Problem:
    path = ("sources", source.name, *at)
    return Problem(code, message, path, sources=(source.name,), owners=(reachable(source.owner),), severity="hint")


# ---------------------------------------------------------------- snapshots


class Pulled(msgspec.Struct, frozen=True):
    """A source whose snapshot was written, or why it was not."""

    source: str
    snapshot: Path | None
    why_not: str | None = None


def pull(config: Path, profile: str | None = None) -> tuple[Read, tuple[Pulled, ...]]:
    """Read every service anew and write what it says to the snapshot its source names. Raises `ConfigError`."""
    settings = settings_of(config, profile)
    with tempfile.TemporaryDirectory(prefix="signpost-") as folder:
        copies = {source.name: Path(folder) / str(number) for number, source in enumerate(settings.sources)}
        fresh = [_keeping(line, copies[line.source.name]) for line in lines(settings)]
        found = Read(settings, asyncio.run(_load(fresh)))
        return found, tuple(_written(source, found.loaded[source.name], copies[source.name]) for source in settings.sources)


def _keeping(line: Line, folder: Path) -> Line:
    """The line with `folder` for its last good copy, and no copy to fall back on."""
    schema = line.source.schema_.model_copy(update={"snapshot": None})
    source = msgspec.structs.replace(line.source, schema_=schema)
    return msgspec.structs.replace(line, source=source, sends=msgspec.structs.replace(line.sends, state=folder, built=None))


def _written(source: Source, loaded: Loaded, folder: Path) -> Pulled:
    """A copy was kept only of what a service said: a schema that is a file, or in this process, leaves none."""
    copy = next((path for path in folder.rglob("*") if path.is_file()), None)
    snapshot = source.schema_.snapshot
    if not loaded.settled:
        return Pulled(source.name, None, "it could not be read")
    if copy is None:
        return Pulled(source.name, None, "its schema is not read from a service")
    if snapshot is None:
        return Pulled(source.name, None, "its `schema` names no `snapshot`")
    Path(snapshot).parent.mkdir(parents=True, exist_ok=True)
    Path(snapshot).write_bytes(_as_named(copy.read_bytes(), Path(snapshot)))
    return Pulled(source.name, Path(snapshot))


def _as_named(text: bytes, path: Path) -> bytes:
    """An introspection answer becomes SDL where the file is called so: that is what a person wants to review."""
    if path.suffix not in SDL or not text.lstrip().startswith(b"{"):
        return text
    answer = msgspec.json.decode(text)
    return print_schema(build_client_schema(answer.get("data", answer))).encode() + b"\n"


# ---------------------------------------------------------------- drift


class Drift(msgspec.Struct, frozen=True):
    """How a service differs from the snapshot its source names; `why_not` where the two could not be compared."""

    source: str
    changes: tuple[Change, ...] = ()
    why_not: str | None = None
    seen: tuple[Change, ...] = ()
    """Values that a running gateway saw not to fit, lately."""


def drift(config: Path, profile: str | None = None) -> tuple[Read, tuple[Drift, ...]]:
    """Every service as it is now, against its committed snapshot. Raises `ConfigError`."""
    settings = settings_of(config, profile)
    now = Read(settings, asyncio.run(_load(_looking(settings))))
    committed = [_from_snapshot(line) for line in _looking(settings) if line.source.schema_.snapshot]
    known = Read(settings, asyncio.run(_load(committed)))
    lately = [each for each in standing(History(settings.gateway.state).latest(), time.time()) if each.state == SEEN]
    return now, tuple(
        _drift(source, now.loaded[source.name], known.loaded.get(source.name), lately) for source in settings.sources
    )


def _from_snapshot(line: Line) -> Line:
    schema = line.source.schema_.model_copy(update={"from_": str(line.source.schema_.snapshot)})
    return msgspec.structs.replace(line, source=msgspec.structs.replace(line.source, schema_=schema))


def _drift(source: Source, now: Loaded, known: Loaded | None, lately: Sequence[Change]) -> Drift:
    names = {source.name, *(subgraph.name for subgraph in now.subgraphs)}
    seen = tuple(each for each in lately if each.source in names)
    if known is None:
        return Drift(source.name, why_not="it names no snapshot to compare with", seen=seen)
    if not known.subgraphs:
        return Drift(source.name, why_not="its snapshot cannot be used", seen=seen)
    if not now.settled:
        return Drift(source.name, why_not="the service cannot be read", seen=seen)
    return Drift(source.name, compare(known.subgraphs, now.subgraphs, time.time()), seen=seen)
