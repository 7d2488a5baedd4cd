"""What a configuration comes to: defaults merged, owners found, places kept. This is what all other rooms are given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.config.model.callers import Protect, Require
from gateway.config.model.document import Cache, Events
from gateway.config.model.gateway import Gateway
from gateway.config.model.policy import Policy
from gateway.config.model.source import Auth, Budget, Headers, Link, Lookup, Prefix, Schema, Subscriptions
from gateway.config.model.telemetry import Telemetry
from gateway.config.problem import ConfigPath, Mark, Problem
from gateway.config.secrets import Secrets
from gateway.config.yaml import Marks
from gateway.errors import Owner


class Source(msgspec.Struct, frozen=True):
    """One source with nothing left to look up."""

    name: str
    kind: str
    schema_: Schema
    owner: Owner
    url: str | None = None
    options: Any = None
    """An instance of the kind's own `Options`."""
    policy: Policy = msgspec.field(default_factory=Policy)
    headers: Headers = msgspec.field(default_factory=Headers)
    expose: tuple[str, ...] | None = None
    prefix: Prefix | None = None
    lookups: tuple[Lookup, ...] = ()
    auth: Auth | None = None
    require: Require | None = None
    protect: Protect = {}
    weight: float = 1.0
    not_found: Literal["null", "error"] | None = None
    """None: null through links and lookups, an error elsewhere."""
    subscriptions: Subscriptions | None = msgspec.field(default_factory=Subscriptions)
    """None: they are off."""
    budget: Budget = msgspec.field(default_factory=Budget)
    owned_by: str | None = None
    """The owner's name among `owners`; None: the gateway's own."""


class Settings(msgspec.Struct, frozen=True):
    """A configuration without problems."""

    base: Path
    """The folder that relative paths started from."""
    sources: tuple[Source, ...]
    gateway: Gateway = msgspec.field(default_factory=Gateway)
    owners: dict[str, Owner] = {}
    links: tuple[Link, ...] = ()
    events: Events = msgspec.field(default_factory=Events)
    telemetry: Telemetry = msgspec.field(default_factory=Telemetry)
    cache: Cache = msgspec.field(default_factory=Cache)
    version: int = 1
    profile: str | None = None
    """Which of its profiles was laid over it."""
    marks: Marks | None = None
    secrets: Secrets = msgspec.field(default_factory=Secrets)
    development: bool = False
    """On a developer's machine: every answer tells all it may."""
    files: tuple[Path, ...] = ()
    """What was read for it: the files themselves, and those that `${file:...}` names."""

    @property
    def watched(self) -> frozenset[Path]:
        """The files that matter to what is served, as far as the configuration names them."""
        found = set(self.files)
        for source in self.sources:
            if "://" not in (place := source.schema_.from_) and place != "introspect":
                found.add(self.base / place)
            if (tls := source.policy.tls) is not None:
                found |= {path for path in (tls.ca, tls.certificate, tls.key) if path is not None}
        documents = self.gateway.http.documents
        if documents is not None and documents.manifest is not None:
            found.add(documents.manifest)
        return frozenset(found)

    def mark(self, path: ConfigPath) -> Mark | None:
        """Where `path`, or its longest known prefix, stands. A source may be named instead of counted."""
        return self.marks.at(self._counted(path)) if self.marks and path else None

    def located(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Problems of later rooms, with their marks, and with every secret in their texts masked."""
        return tuple(self.secrets.masked(self._located(problem)) for problem in problems)

    def _located(self, problem: Problem) -> Problem:
        path = self._counted(problem.path)
        return msgspec.structs.replace(problem, path=path, mark=problem.mark or self.mark(path))

    def _counted(self, path: ConfigPath) -> ConfigPath:
        """("sources", "inventory", ...) as ("sources", 2, ...)."""
        names = [source.name for source in self.sources]
        if len(path) > 1 and path[0] == "sources" and path[1] in names:
            return ("sources", names.index(str(path[1])), *path[2:])
        return path
