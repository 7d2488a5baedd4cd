"""A service's entry in a Backstage catalog (`catalog-info.yaml`), as far as it says who answers for it.

`spec.owner` names the team, `metadata.links` say where its chat, support, documentation and status page are. It fills what the
configuration leaves open and overrides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gateway.config.yaml import read_yaml

LIMIT = 256 * 1024
"""Bytes that are read."""
KINDS = ("API", "Component", "System", "Resource", "Group")
"""The entity that counts, where a file has several: the first kind in this order."""
WAYS: tuple[tuple[str, str], ...] = (
    ("chat", r"chat|slack|teams|discord|mattermost|irc"),
    ("status_page", r"status"),
    ("docs", r"docs?\b|documentation|reference"),
    ("runbook", r"runbook|playbook"),
    ("contact_url", r"support|help|contact|issues?\b"),
)
"""What a link's title, icon or type says → what it is."""
SEPARATOR = re.compile(r"^---.*$", re.MULTILINE)


class Unreadable(ValueError):
    """The file cannot be used; the text says why, and repeats nothing of it."""


def owner_of(path: Path) -> dict[str, Any]:
    """What the file says, in the words of our own `owners`. Raises `Unreadable`."""
    try:
        with path.open("rb") as opened:
            raw = opened.read(LIMIT + 1)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read: {error.strerror or error}") from None
    if len(raw) > LIMIT:
        raise Unreadable(f"{path.name} is larger than {LIMIT // 1024} KiB")
    return _said(_entity(path.name, raw.decode("utf-8", "replace")))


def _entity(name: str, text: str) -> Mapping[str, Any]:
    found = [entity for entity in _entities(name, text) if entity.get("kind") in KINDS]
    if not found:
        raise Unreadable(f"{name} has no Backstage entity of kind {', '.join(KINDS)}")
    return min(found, key=lambda entity: KINDS.index(entity["kind"]))


def _entities(name: str, text: str) -> Iterator[Mapping[str, Any]]:
    for part in SEPARATOR.split(text):
        entity = read_yaml(part, name, marks=False)[0] if part.strip() else None
        if isinstance(entity, dict):
            yield entity


def _said(entity: Mapping[str, Any]) -> dict[str, Any]:
    metadata, spec = _mapping(entity.get("metadata")), _mapping(entity.get("spec"))
    profile = _mapping(spec.get("profile"))
    told: dict[str, Any] = {}
    for link in metadata.get("links") or ():
        if isinstance(link, dict) and isinstance(link.get("url"), str) and (what := _what(link)):
            told.setdefault(what, link["url"])
    contact = {"email": profile.get("email"), "chat": told.pop("chat", None), "url": told.pop("contact_url", None)}
    runbook = told.pop("runbook", None)
    told["contact"] = {way: value for way, value in contact.items() if isinstance(value, str)}
    told["internal"] = {"runbook": runbook} if runbook else {}
    if team := _team(entity, metadata, spec, profile):
        told["team"] = team
    return told


def _what(link: Mapping[str, Any]) -> str | None:
    said = " ".join(str(link.get(name, "")) for name in ("title", "icon", "type")).lower()
    return next((what for what, pattern in WAYS if re.search(pattern, said)), None)


def _team(
    entity: Mapping[str, Any], metadata: Mapping[str, Any], spec: Mapping[str, Any], profile: Mapping[str, Any]
) -> str | None:
    """`group:default/stock` is the team `stock`; a group's own entry says its name in full."""
    if entity["kind"] == "Group":
        named = profile.get("displayName") or metadata.get("title") or metadata.get("name")
    else:
        named = str(spec.get("owner") or "").rpartition(":")[2].rpartition("/")[2]
    return str(named) if named else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
