"""A source as a row: what it is, whose it is, and how it is with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.app.loading import Loaded
from gateway.config.model import Source
from gateway.sources.base import Subgraph
from gateway.sources.report import CONTACTS, shown_url


def facts(source: Source, loaded: Loaded) -> Mapping[str, Any]:
    owner = loaded.subgraphs[0].owner if loaded.subgraphs else source.owner
    return {
        "name": source.name,
        "kind": source.kind,
        "url": shown_url(source.url) if source.url else None,
        "schema": _state(loaded),
        "fields": sum(map(_fields, loaded.subgraphs)),
        "owner": owner.shown("internal"),
    }


def row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    contact = facts["owner"]["contact"]
    first = next((contact[way] for way in CONTACTS if contact.get(way)), "")
    said = (facts["name"], facts["kind"], facts["url"] or "-", facts["schema"], str(facts["fields"]))
    return (*said, facts["owner"]["team"], first)


def _state(loaded: Loaded) -> str:
    if loaded.problems:
        return "has problems"
    return "read" if loaded.settled else "from a copy" if loaded.subgraphs else "missing"


def _fields(subgraph: Subgraph) -> int:
    return len(getattr(subgraph.types[subgraph.query], "fields", ()))
