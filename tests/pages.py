"""Golden pages: a world, a question and the expected answer in one Markdown file that a person can read.

A page has fenced blocks: `graphql NAME` is a source (of federation, when it links to its specification); `yaml` has `links`,
`lookups` (by source), `expose` (by source), `rest` (sources whose root fields are calls of their own), `variables`; `graphql`
alone is the query; `expected` is what comes out.
`UPDATE_PAGES=1 pytest` writes what comes out into the pages, to be read before it is committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from gateway.composition import Supergraph, compose
from gateway.config.model import Link
from gateway.sources.base import Subgraph, Wire
from tests.federated import federated
from tests.graphs import Service

FEDERATION = "specs.apollo.dev/federation"
BLOCK = re.compile(r"```(\w+) ?([\w-]*)\n(.*?)```\n", re.DOTALL)


class Page(msgspec.Struct, frozen=True):
    path: Path
    sources: Mapping[str, str]
    settings: Mapping[str, Any]
    query: str
    expected: str

    def subgraphs(self) -> list[Subgraph]:
        return [self._subgraph(name, sdl) for name, sdl in self.sources.items()]

    def compose(self) -> Supergraph:
        return compose(self.subgraphs(), [Link.model_validate(link) for link in self.settings.get("links", ())])

    def _subgraph(self, name: str, sdl: str) -> Subgraph:
        if FEDERATION in sdl:
            return federated(name, sdl)
        keys = {key: self.settings[key][name] for key in ("lookups", "expose") if name in self.settings.get(key, {})}
        subgraph = Service(name, sdl, **keys).subgraph()
        if name in self.settings.get("rest", ()):
            return msgspec.structs.replace(subgraph, together=False, wire=Wire(response_keys=False, absent_is_null=True))
        return subgraph


def pages(folder: Path) -> Sequence[Path]:
    found = sorted(folder.glob("*.md"))
    assert found
    return found


def read(path: Path) -> Page:
    sources: dict[str, str] = {}
    settings: dict[str, Any] = {}
    query = expected = ""
    for kind, name, text in BLOCK.findall(path.read_text()):
        if kind == "graphql" and name:
            sources[name] = text
        elif kind == "graphql":
            query = text
        elif kind == "yaml":
            settings = yaml.safe_load(text)
        elif kind == "expected":
            expected = text
    return Page(path, sources, settings, query, expected)


def check(path: Path, answer: Callable[[Page], str]) -> None:
    """What comes out is what the page says."""
    page = read(path)
    given = answer(page)
    if os.environ.get("UPDATE_PAGES"):
        text = path.read_text()
        path.write_text(text[: text.index("```expected\n")] + f"```expected\n{given}```\n")
        return
    assert given == page.expected
