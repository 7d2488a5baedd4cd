"""As many GraphQL services as a test wants, each with one field that answers what it is told to, and a gateway before them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .wire import Asked, Upstream, Wire, reply


class Simple(Upstream):
    """`{ NAME }` is answered with its name; `said` are the header fields of its next replies, and `instead` the whole reply."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.said: dict[str, str] = {}
        self.instead: Wire | None = None
        super().__init__(self._answer)

    def _answer(self, _asked: Asked) -> Wire:
        return self.instead or reply(json.dumps({"data": {self.name: self.name}}), **self.said)


def config(folder: Path, sources: dict[str, tuple[str, str]], gateway: str = "", defaults: str = "") -> Path:
    """`sources`: name → (URL, what else it says in YAML, as the inside of a flow mapping)."""
    lines = [
        "version: 1",
        "gateway:",
        "  listen: 127.0.0.1:0",
        "  state: state",
        "  limits: {deadline: 30s}",
        "  owner: {team: API Platform, contact: {email: platform@example.com}}",
        gateway,
        "owners:",
        "  team: {team: Sources, url: https://sources.example.com, contact: {email: sources@example.com}}",
        "defaults:",
        "  timeout: {per_try: 20s, total: 25s}",
        "  cache: off",
        defaults,
        "sources:",
    ]
    for name, (url, more) in sources.items():
        (folder / f"{name}.graphql").write_text(f"type Query {{ {name}: String }}")
        said = f"name: {name}, kind: graphql, url: '{url}', schema: ./{name}.graphql, owner: team"
        lines.append(f"  - {{{said}{', ' + more if more else ''}}}")
    path = folder / "gateway.yaml"
    path.write_text("\n".join(line for line in lines if line))
    return path


@contextmanager
def services(*names: str) -> Iterator[list[Simple]]:
    with ExitStack() as stack:
        opened = [Simple(name) for name in names]
        for each in opened:
            stack.callback(each.stop)
        yield opened
