"""Which sources are joined, as the admin address tells it: with the links that state it, and whose the sources are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import to_builtins

from gateway.config.model import Link, Settings
from gateway.engine import DOCUMENTS, Engine
from gateway.engine.document import Document
from gateway.engine.joins import Join, joins

COUNTED = ("operations", "calls", "keys")
Whose = Callable[[str], tuple[str | None, Mapping[str, Any]]]


def joined(engine: Engine | None, settings: Settings, whose: Whose) -> dict[str, Any]:
    """`counted`: whether anything is. `asked`: source → executions that asked it at all."""
    known = [each for _, each in engine.documents.latest(DOCUMENTS)] if engine is not None else []
    asked, found = joins([each for each in known if isinstance(each, Document)])
    told = [to_builtins(each) | {"field": _field(each, engine, settings.links)} for each in found]
    owners = {name: whose(name)[1] for each in found for name in (each.source, each.to)}
    return {"counted": settings.telemetry.metrics is not None, "asked": asked, "owners": owners, "joins": told}


def _field(join: Join, engine: Engine | None, links: Iterable[Link]) -> str:
    """The links that may have joined them; or the type that both have, of which the other one brings more."""
    types = engine.supergraph.subgraphs[join.source].types if engine is not None else {}
    found = [link.field for link in links if _joins(link, join) and link.field.partition(".")[0] in types]
    return " | ".join(found) or join.type


def _joins(link: Link, join: Join) -> bool:
    via = {link.to.partition(".")[2], link.batch.via if link.batch is not None else None}
    return link.source == join.to and join.via in via


def together(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Of several workers: counts added up. The first one says all else."""
    first, *others = parts
    asked, owners, whole = dict(first["asked"]), dict(first["owners"]), {_key(each): dict(each) for each in first["joins"]}
    for part in others:
        owners = {**part["owners"], **owners}
        for name, count in part["asked"].items():
            asked[name] = asked.get(name, 0) + count
        for join in part["joins"]:
            known = whole.setdefault(_key(join), {**join, **dict.fromkeys(COUNTED, 0)})
            known.update({name: known[name] + join[name] for name in COUNTED})
    ordered = sorted(whole.values(), key=lambda join: -join["calls"])
    return {**first, "asked": asked, "owners": owners, "joins": ordered}


def _key(join: Mapping[str, Any]) -> tuple[str, ...]:
    return (join["source"], join["to"], join["field"], join["via"])
