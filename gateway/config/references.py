"""What no single key can tell: names that have to exist or to differ. Works on the tree as written, valid or not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from gateway.config.problem import ConfigPath, Problem
from gateway.config.structure import nearest
from gateway.config.yaml import Marks

CONTACTS = ("email", "chat", "url", "phone")


def dangling(tree: Mapping[str, Any], kinds: Collection[str], marks: Marks) -> Iterator[Problem]:
    """Every name that leads nowhere, every source without what it needs, and every name given twice."""
    owners = _mapping(tree.get("owners"))
    required = _mapping(_mapping(tree.get("gateway")).get("ownership")).get("required", True)
    first: dict[Any, int] = {}
    if tree.get("sources") == []:
        yield Problem("CONFIG_MISSING", "`sources` is empty: there is nothing to serve", ("sources",))
    for index, source in _sources(tree):
        at: ConfigPath = ("sources", index)
        yield from _kind(source, at, kinds)
        yield from _owner(source, at, owners, required is not False)
        yield from _url(source, at)
        if (name := source.get("name")) is not None and first.setdefault(_text(name), index) != index:
            place = marks.at(("sources", first[_text(name)], "name"))
            message = f"there are two sources named {name}, the first at {place}"
            yield Problem("CONFIG_DUPLICATE", message, (*at, "name"), fix="give each source a name of its own")
    yield from _links(tree, [name for name in first if name])
    yield from _webhooks(tree, owners)


def owned(problem: Problem, tree: Mapping[str, Any]) -> Problem:
    """A problem inside a source says which source that is and whose, as far as the YAML tells."""
    source = dict(_sources(tree)).get(_index(problem.path))
    if source is None:
        return problem
    owner = _mapping(_mapping(tree.get("owners")).get(_text(source.get("owner"))))
    names = (_text(source.get("name")),) if source.get("name") else ()
    return msgspec.structs.replace(problem, sources=names, owners=_reachable(owner))


def _kind(source: Mapping[str, Any], at: ConfigPath, kinds: Collection[str]) -> Iterator[Problem]:
    kind = source.get("kind")
    if isinstance(kind, str) and kind not in kinds:
        fix = nearest(kind, kinds) or f"known kinds: {', '.join(sorted(kinds))}"
        yield Problem("CONFIG_UNKNOWN_KIND", f"there is no kind of source called {kind}", (*at, "kind"), fix=fix)


def _owner(source: Mapping[str, Any], at: ConfigPath, owners: Mapping[str, Any], required: bool) -> Iterator[Problem]:
    owner = source.get("owner")
    if owner is None and required:
        fix = f"owner: {next(iter(owners), 'NAME')}   # a name from `owners`"
        message = f"nobody answers for {source.get('name') or 'this source'}: `owner` is missing"
        yield Problem("CONFIG_OWNER_MISSING", message, (*at, "owner"), fix=fix)
    if isinstance(owner, str):
        yield from _known(owner, (*at, "owner"), owners)


def _known(owner: str, at: ConfigPath, owners: Mapping[str, Any]) -> Iterator[Problem]:
    if owner not in owners:
        fix = nearest(owner, owners) or f"known owners: {', '.join(owners) or 'none, add it under `owners`'}"
        yield Problem("CONFIG_UNKNOWN_OWNER", f"there is no owner called {owner}", at, fix=fix)


def _url(source: Mapping[str, Any], at: ConfigPath) -> Iterator[Problem]:
    schema = source.get("schema")
    place = schema.get("from") if isinstance(schema, dict) else schema
    if place == "introspect" and source.get("url") is None:
        message = "`url` is missing: there is nothing to introspect without it"
        yield Problem("CONFIG_MISSING", message, (*at, "url"), fix="url: the address of the GraphQL endpoint")


def _links(tree: Mapping[str, Any], names: list[str]) -> Iterator[Problem]:
    links = tree.get("links")
    for index, link in enumerate(links if isinstance(links, list) else ()):
        to = link.get("to") if isinstance(link, dict) else None
        source, dot, _ = to.partition(".") if isinstance(to, str) else ("", "", "")
        if dot and source not in names:
            fix = nearest(source, names)
            yield Problem("CONFIG_UNKNOWN_SOURCE", f"there is no source called {source}", ("links", index, "to"), fix=fix)


def _webhooks(tree: Mapping[str, Any], owners: Mapping[str, Any]) -> Iterator[Problem]:
    webhooks = _mapping(tree.get("events")).get("webhooks")
    for index, webhook in enumerate(webhooks if isinstance(webhooks, list) else ()):
        at: ConfigPath = ("events", "webhooks", index, "owners")
        named = _mapping(webhook).get("owners")
        if isinstance(named, str):
            yield from _known(named, at, owners)
        for place, owner in enumerate(named if isinstance(named, list) else ()):
            yield from _known(_text(owner), (*at, place), owners)


def _sources(tree: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    sources = tree.get("sources")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict):
            yield index, source


def _index(path: ConfigPath) -> int:
    return path[1] if len(path) > 1 and path[0] == "sources" and isinstance(path[1], int) else -1


def _reachable(owner: Mapping[str, Any]) -> tuple[str, ...]:
    """The team, and the first way to reach it."""
    if not owner.get("team"):
        return ()
    contact = _mapping(owner.get("contact"))
    way = next((contact[key] for key in CONTACTS if contact.get(key)), owner.get("url"))
    return (f"{owner['team']} ({way})" if way else str(owner["team"]),)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
