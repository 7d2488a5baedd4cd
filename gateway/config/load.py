"""A path becomes `Settings`, or a `ConfigError` with everything that is wrong.

files → one tree with marks → the profile laid over it → `${...}` filled in → held against the model, the options of each kind,
and itself → settings.
Nothing stops at the first problem: only text that cannot be read as YAML keeps us from looking at the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from pydantic import BaseModel

from gateway.config.files import Files, read_files
from gateway.config.model import Document, Settings, Source, SourceKeys, merged
from gateway.config.model.scalars import Place
from gateway.config.problem import ConfigError, ConfigPath, Problem
from gateway.config.profiles import with_profile
from gateway.config.references import dangling, owned
from gateway.config.structure import check
from gateway.config.substitute import Filled, fill
from gateway.errors import Owner

Options = Mapping[str, type[BaseModel]]
"""kind of source → the model of its `options`"""


def load(path: Path | str, options: Options, *, profile: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of a file, or of a folder of files, as `profile` has them. Raises `ConfigError`."""
    files = with_profile(read_files(Path(path)), profile)
    filled = fill(files.tree, files.marks, environ, files.base)
    place = Place(files.base)
    document, wrong = check(Document, filled.tree, (), filled, place)
    of_kinds, more = _options(filled, options, place)
    found = [*wrong, *more, *dangling(filled.tree, options, files.marks)]
    if document is not None:
        found += _timeouts(document)
    problems = [*files.problems, *filled.problems, *_unrelated(found, filled.problems)]
    if document is None or problems:
        raise ConfigError(_told(problems, files, filled))
    sources = tuple(_source(keys, of_kinds[index], document) for index, keys in enumerate(document.sources))
    return Settings(
        base=files.base,
        sources=sources,
        gateway=document.gateway,
        owners=dict(document.owners),
        links=document.links,
        events=document.events,
        telemetry=document.telemetry,
        cache=document.cache,
        version=document.version,
        profile=profile or None,
        marks=files.marks,
        secrets=filled.secrets,
        files=(*files.paths, *filled.files, *_catalogs(filled.tree, files.base)),
    )


def _catalogs(tree: Mapping[str, Any], base: Path) -> Iterator[Path]:
    """The files that say who owners are."""
    gateway, owners = tree.get("gateway"), tree.get("owners")
    named = [*(owners or {}).values(), (gateway or {}).get("owner")]
    yield from (base / each["catalog"] for each in named if isinstance(each, dict) and isinstance(each.get("catalog"), str))


def _options(filled: Filled, options: Options, place: Place) -> tuple[dict[int, BaseModel | None], list[Problem]]:
    """`options` of each source whose kind is known, by the source's index."""
    found: dict[int, BaseModel | None] = {}
    problems: list[Problem] = []
    sources = filled.tree.get("sources")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        kind = source.get("kind") if isinstance(source, dict) else None
        given = (source.get("options") or {}) if isinstance(source, dict) else None
        if isinstance(kind, str) and kind in options and isinstance(given, dict):
            found[index], wrong = check(options[kind], given, ("sources", index, "options"), filled, place)
            problems += wrong
    return found, problems


def _timeouts(document: Document) -> Iterable[Problem]:
    for index, keys in enumerate(document.sources):
        timeout = merged(keys, document.defaults).timeout
        if timeout.per_try > timeout.total:
            message = f"one attempt may take longer ({timeout.per_try:g}s) than all of them together ({timeout.total:g}s)"
            path: ConfigPath = ("sources", index, "timeout") if "timeout" in keys.model_fields_set else ("defaults", "timeout")
            yield Problem("CONFIG_VALUE", message, path, fix=f"timeout: {{per_try: {timeout.per_try:g}s, total: ...}}")


def _source(keys: SourceKeys, options: BaseModel | None, document: Document) -> Source:
    owner = document.owners[keys.owner] if keys.owner else document.gateway.owner
    return Source(
        name=keys.name,
        kind=keys.kind,
        schema_=keys.schema_,
        owner=_about(owner, keys),
        url=keys.url,
        options=options,
        policy=merged(keys, document.defaults),
        headers=keys.headers,
        expose=keys.expose,
        prefix=keys.prefix,
        lookups=keys.lookups,
        auth=keys.auth,
        require=keys.require,
        protect=keys.protect,
        weight=keys.weight,
        not_found=keys.not_found,
        subscriptions=keys.subscriptions if document.gateway.subscriptions is not None else None,
        budget=keys.budget,
        owned_by=keys.owner,
    )


def _about(owner: Owner, keys: SourceKeys) -> Owner:
    about: Any = keys.about.model_dump(exclude_none=True)
    return msgspec.structs.replace(owner, **about)


# ---------------------------------------------------------------- telling


def _unrelated(problems: Iterable[Problem], unfilled: Iterable[Problem]) -> list[Problem]:
    """Without those about values that could not be filled in: what is wrong with them is told already."""
    blind = {problem.path for problem in unfilled}
    return [p for p in problems if not any(p.path[:length] in blind for length in range(1, len(p.path) + 1))]


def _told(problems: Iterable[Problem], files: Files, filled: Filled) -> list[Problem]:
    """With mark, source and owner, without secrets, each once, in the order of the text."""
    told = dict.fromkeys(_placed(filled.secrets.masked(owned(p, filled.tree)), files) for p in problems)
    return sorted(told, key=lambda p: (p.mark.file, p.mark.line, p.mark.column) if p.mark else ("", 0, 0))


def _placed(problem: Problem, files: Files) -> Problem:
    return msgspec.structs.replace(problem, mark=problem.mark or files.marks.at(problem.path))
