"""What the configuration requires of callers, brought to the engine. A position that does not exist would protect nothing."""

from __future__ import annotations

from gateway.composition import Supergraph
from gateway.config.model import Require, Settings
from gateway.config.problem import ConfigError, Problem
from gateway.engine.rights import Rights, rights_of, unknown
from gateway.upstream.caller import Requirement


def requirement(written: Require) -> Requirement:
    return Requirement(tuple(map(frozenset, written.scopes)), tuple(map(frozenset, written.policies)))


def rights(settings: Settings, supergraph: Supergraph) -> Rights | None:
    """None: nothing needs any. Raises `ConfigError` with every position that is not in the schema."""
    present = [source for source in settings.sources if source.name in supergraph.subgraphs]
    problems = [
        Problem(
            "PROTECT_UNKNOWN",
            f"{position} is no type and no field of the schema, so nothing would be protected",
            ("sources", source.name, "protect", position),
            sources=(source.name,),
            fix="name a type, or a field as TYPE.FIELD, as `gateway schema` prints it",
        )
        for source in present
        for position in unknown(supergraph, source.protect)
    ]
    if problems:
        raise ConfigError(settings.located(problems))
    protect = {source.name: {at: requirement(need) for at, need in source.protect.items()} for source in present}
    return rights_of(supergraph, protect, {s.name: requirement(s.require) for s in present if s.require is not None})
