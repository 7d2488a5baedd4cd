"""`extensions.warnings`: what is right today and may not be tomorrow. Never `errors`: many clients would drop the data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from graphql import DocumentNode, FieldNode, GraphQLField, TypeInfo, TypeInfoVisitor, Visitor, get_named_type, visit

from gateway.composition import Supergraph
from gateway.errors import Owner
from gateway.execution.exchange import Exchange
from gateway.execution.run import Stale
from gateway.upstream.call import Reply
from gateway.upstream.layers.verify import http_date

Warning_ = dict[str, Any]
OwnerOf = Callable[[str], Owner | None]
REVALIDATING = "REVALIDATING"
LISTED = 20
SF_DATE = re.compile(r"\s*@(-?\d{1,12})\s*(?:;.*)?")
LINK = re.compile(r"<([^<>]{1,500})>([^,<]*)")
REL = re.compile(r';\s*rel\s*=\s*"?([^";]+)"?', re.IGNORECASE)
RELATIONS = ("deprecation", "sunset", "successor-version", "latest-version")
"""RFC 9745, 3; RFC 8594, 6; RFC 5829."""


# ---------------------------------------------------------------- copies past their freshness


def stale(each: Stale, now: float) -> Warning_:
    """`now` on the `time.time` clock."""
    past = max(now - each.expired, 0.0)
    why = f"answered {each.status}" if each.status else f"could not be asked ({each.cause})"
    name = f"{each.service[:1].upper()}{each.service[1:]}"
    message = f"Served a copy {span(past)} past its freshness because {name} {why}."
    if each.cause == REVALIDATING:
        message = f"Served a copy {span(past)} past its freshness while {name} is being asked again."
    return {
        "code": "STALE_DATA",
        "service": each.service,
        "path": list(each.path),
        "age_s": round(each.age),
        "stale_s": round(past),
        "fetched_at": moment(now - each.age),
        "cause": each.cause,
        "message": message,
    }


def span(seconds: float) -> str:
    """`45 s`, `5 min`, `3 h`, `2 d`: as a person would say it."""
    for size, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or (seconds >= size and name == "min"):
            return f"{round(seconds / size)} {name}"
    return f"{round(seconds)} s"


def moment(at: float) -> str:
    """RFC 3339, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------- what a source announces


def announced(exchanges: Sequence[Exchange]) -> Iterator[Warning_]:
    """`Deprecation` (RFC 9745), `Sunset` (RFC 8594) and the links beside them, once per operation of a source."""
    told: set[tuple[str, str]] = set()
    for each in exchanges:
        came = each.came
        if not isinstance(came, Reply) or ("deprecation" not in came.headers and "sunset" not in came.headers):
            continue
        operation = (each.source, each.call.operation)
        if operation not in told and len(told) < LISTED and (warning := _deprecated(came.headers)) is not None:
            told.add(operation)
            message = f"{each.source[:1].upper()}{each.source[1:]} says that {each.call.operation} {_fate(warning)}."
            yield (
                {"code": "UPSTREAM_DEPRECATED", "service": each.source, "operation": each.call.operation}
                | warning
                | {"message": message}
            )


def _deprecated(headers: Mapping[str, str]) -> Warning_ | None:
    since, sunset = _since(headers.get("deprecation")), http_date(headers.get("sunset"))
    if since is None and sunset is None:
        return None
    found: Warning_ = {"deprecated": moment(since)[:10]} if since else {}
    found |= {"sunset": moment(sunset)[:10]} if sunset is not None else {}
    link = _link(headers.get("link", ""))
    return found | ({"link": link} if link else {})


def _since(value: str | None) -> float | None:
    """The date of RFC 9745 (`@1688169599`); drafts before it said `true` (0: since when is not known) or an HTTP date."""
    if value is None:
        return None
    if match := SF_DATE.fullmatch(value):
        return float(match[1])
    return 0.0 if value.strip().lower() in ("true", "?1") else http_date(value)


def _link(value: str) -> str | None:
    """The first link (RFC 8288) that explains it, the deprecation's own before a successor's."""
    links = {rel: target for target, rest in LINK.findall(value[:4096]) for rel in _relations(rest)}
    return next((links[rel] for rel in RELATIONS if links.get(rel, "").startswith(("https://", "http://"))), None)


def _relations(parameters: str) -> Sequence[str]:
    match = REL.search(parameters)
    return match[1].lower().split() if match else ()


def _fate(warning: Warning_) -> str:
    ends = f"ends on {warning['sunset']}" if "sunset" in warning else ""
    since = f"is deprecated since {warning['deprecated']}" if "deprecated" in warning else "is deprecated"
    return f"{since} and {ends}" if ends and "deprecated" in warning else ends or since


# ---------------------------------------------------------------- what this very operation uses


class Deprecated(msgspec.Struct, frozen=True):
    """A field (or an enum value or argument) the operation uses although its source has deprecated it."""

    coordinate: str
    reason: str
    services: tuple[str, ...]
    line: int
    column: int


def deprecated(supergraph: Supergraph, document: DocumentNode) -> tuple[Deprecated, ...]:
    """Every deprecated field and argument in the document, once each. Done once per document."""
    visitor = _Deprecations(supergraph)
    visit(document, TypeInfoVisitor(visitor.info, visitor))
    return tuple(visitor.found.values())[:LISTED]


class Drifting(msgspec.Struct, frozen=True):
    """Where a source is not what its schema, as it is served, says."""

    service: str
    coordinate: str
    message: str
    state: str
    """seen: an answer did not fit; staged or rejected: its new schema is not served."""
    since: float
    """On the `time.time` clock."""

    @property
    def field(self) -> str:
        """The name that a document has to hold to make use of it."""
        return self.coordinate.partition("(")[0].rpartition(".")[2]


def drifted(supergraph: Supergraph, document: DocumentNode, drifting: Iterable[Drifting]) -> Iterator[Warning_]:
    """A warning for each that the document makes use of."""
    visitor = _Used(supergraph)
    visit(document, TypeInfoVisitor(visitor.info, visitor))
    for each in list(drifting):
        if each.coordinate in visitor.found:
            name = f"{each.service[:1].upper()}{each.service[1:]}"
            seen = f"{name} has answered with what does not fit its schema: {each.message}"
            message = seen if each.state == "seen" else f"{name} has changed its schema, and that is not served: {each.message}"
            told = {"code": "SCHEMA_DRIFT", "service": each.service, "coordinate": each.coordinate, "state": each.state}
            yield {**told, "since": moment(each.since), "message": message}


class _Used(Visitor):
    """Coordinates of the fields, arguments and types that a document makes use of."""

    def __init__(self, supergraph: Supergraph) -> None:
        super().__init__()
        self.info = TypeInfo(supergraph.schema)
        self.found: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        field, parent = self.info.get_field_def(), self.info.get_parent_type()
        if field is None or parent is None:
            return
        coordinate = f"{get_named_type(parent).name}.{node.name.value}"
        self.found |= {coordinate, get_named_type(parent).name, get_named_type(field.type).name}
        self.found |= {f"{coordinate}({given.name.value}:)" for given in node.arguments or ()}


class _Deprecations(Visitor):
    def __init__(self, supergraph: Supergraph) -> None:
        super().__init__()
        self.info = TypeInfo(supergraph.schema)
        self.graph = supergraph.graph
        self.found: dict[str, Deprecated] = {}

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        field, parent = self.info.get_field_def(), self.info.get_parent_type()
        if field is None or parent is None:
            return
        coordinate = f"{get_named_type(parent).name}.{node.name.value}"
        if field.deprecation_reason is not None:
            self._add(coordinate, field.deprecation_reason, coordinate, node)
        for given in node.arguments or ():
            self._argument(field, coordinate, given.name.value, node)

    def _argument(self, field: GraphQLField, coordinate: str, name: str, node: FieldNode) -> None:
        argument = field.args.get(name)
        if argument is not None and argument.deprecation_reason is not None:
            self._add(f"{coordinate}({name}:)", argument.deprecation_reason, coordinate, node)

    def _add(self, coordinate: str, reason: str, field: str, node: FieldNode) -> None:
        type_name, _, name = field.partition(".")
        link = self.graph.links.get((type_name, name))
        services = (link.subgraph,) if link else tuple(self.graph.fields.get((type_name, name), ()))
        line, column = (node.loc.start_token.line, node.loc.start_token.column) if node.loc else (1, 1)
        self.found.setdefault(coordinate, Deprecated(coordinate, reason, services, line, column))


def field_deprecated(each: Deprecated) -> Warning_:
    service = each.services[0] if each.services else "gateway"
    return {
        "code": "FIELD_DEPRECATED",
        "service": service,
        "coordinate": each.coordinate,
        "locations": [{"line": each.line, "column": each.column}],
        "reason": each.reason,
        "message": f"{each.coordinate} is deprecated by {service}: {each.reason}",
    }
