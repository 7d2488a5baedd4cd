"""Which specifications a supergraph is written in, and how it spells them (`@link` since Federation 2, `@core` before)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from graphql import DocumentNode

from gateway.sources.federation.spec import Link, links_of

JOIN = "https://specs.apollo.dev/join"
JOINS = ((0, 1), (0, 2), (0, 3), (0, 4), (0, 5))
KNOWN = {
    "https://specs.apollo.dev/core": ((0, 1), (0, 2)),
    "https://specs.apollo.dev/link": ((1, 0),),
    JOIN: JOINS,
    "https://specs.apollo.dev/tag": ((0, 1), (0, 2), (0, 3)),
    "https://specs.apollo.dev/inaccessible": ((0, 1), (0, 2)),
    "https://specs.apollo.dev/authenticated": ((0, 1),),
    "https://specs.apollo.dev/requiresScopes": ((0, 1),),
    "https://specs.apollo.dev/policy": ((0, 1),),
    "https://specs.apollo.dev/context": ((0, 1),),
    "https://specs.apollo.dev/cost": ((0, 1),),
}
"""spec → the versions known here. A spec that is marked `for: EXECUTION` or `SECURITY` has to be one of these."""
STANDARD = ("tag", "inaccessible", "authenticated", "requiresScopes", "policy", "cost", "listSize", "context", "fromContext")


class JoinSpec(msgspec.Struct, frozen=True):
    """How this supergraph spells what it is written in."""

    version: tuple[int, int] = (0, 0)
    names: Mapping[str, str] = {}
    """directive as it is spelled here → its standard name."""
    machinery: tuple[str, ...] = ()
    """Prefixes of the names that are not the graph's own."""
    faults: tuple[tuple[str, str], ...] = ()


def join_spec(document: DocumentNode) -> JoinSpec:
    """Reads the links of a supergraph."""
    links = links_of(document.definitions)
    join = next((link for link in links if link.identity == JOIN), None)
    if join is None:
        return JoinSpec(
            faults=(("INVALID_FEDERATION_SUPERGRAPH", "is no supergraph: it does not link to the join specification"),)
        )
    faults = [("UNSUPPORTED_LINKED_FEATURE", _unknown(link)) for link in links if _is_unknown(link)]
    names = {f"{join.prefix}__{name}": f"join__{name}" for name in ("type", "field", "implements", "unionMember", "enumValue")}
    names |= {f"{join.prefix}__{name}": f"join__{name}" for name in ("graph", "owner", "directive")}
    for name in STANDARD:
        names[name] = name
    for link in links:
        names |= _imported(link)
    machinery = tuple(f"{link.prefix}__" for link in links if link.identity in KNOWN)
    return JoinSpec(join.version, names, machinery, tuple(faults))


def _imported(link: Link) -> dict[str, str]:
    names = {ours.removeprefix("@"): theirs.removeprefix("@") for theirs, ours in link.imports.items()}
    standard = link.identity.rpartition("/")[2]
    if standard in STANDARD:
        names[link.prefix] = standard
    return names


def _is_unknown(link: Link) -> bool:
    versions = KNOWN.get(link.identity)
    return link.version not in versions if versions is not None else link.purpose is not None


def _unknown(link: Link) -> str:
    version = ".".join(map(str, link.version))
    known = ", ".join("v" + ".".join(map(str, each)) for each in KNOWN.get(link.identity, ()))
    return f"uses {link.identity}/v{version}, which is not known here (known: {known or 'none'})"
