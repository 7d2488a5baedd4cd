"""The engine as the configuration wants it."""

from __future__ import annotations

from functools import partial

from gateway.app.rights import rights
from gateway.composition import Supergraph
from gateway.config.model import Settings, Source
from gateway.engine import Engine, Limits
from gateway.engine.channels import Open
from gateway.engine.labels import Shares
from gateway.engine.returned import Returned
from gateway.engine.stories import Stories
from gateway.engine.watched import Keep, Watched
from gateway.errors import Disclosure


def limits_of(settings: Settings) -> Limits:
    gateway = settings.gateway
    written = gateway.limits.model_dump()
    named = {name: written[name] for name in Limits.__struct_fields__ if name in written}
    return Limits(
        **(named | {"cost": gateway.limits.cost or 0}),
        weights={source.name: source.weight for source in settings.sources if source.weight != 1.0},
        introspection=gateway.introspection,
        suggestions=gateway.suggestions,
    )


def _returned(source: Source) -> tuple[Returned, ...]:
    rules = (rule.propagate for rule in source.headers.response)
    return tuple(Returned(rule.named.lower(), (rule.rename or rule.named).lower(), rule.merge) for rule in rules)


def engine_of(
    settings: Settings,
    supergraph: Supergraph,
    stories: Stories | None = None,
    keep: Keep | None = None,
    opened: Open | None = None,
) -> Engine:
    """The supergraph's engine, within the configured limits. `keep` is told of every operation, where there is one."""
    gateway = settings.gateway
    make = Engine if keep is None else partial(Watched, keep=keep)
    return make(
        supergraph,
        limits=limits_of(settings),
        disclosure=Disclosure(gateway.errors.upstream_detail, gateway.errors.audience),
        owner=gateway.owner,
        on_error=gateway.errors.on_error,
        per_path=gateway.errors.per_path,
        debug=frozenset(gateway.debug),
        always=frozenset(gateway.debug if settings.development else ()),
        rights=rights(settings, supergraph),
        stories=stories,
        opened=opened,
        tagged=bool(gateway.http.cache_tags),
        shares=Shares(gateway.override.labels, gateway.override.hash_by and gateway.override.hash_by.lower()),
        returned={source.name: back for source in settings.sources if (back := _returned(source))},
    )
