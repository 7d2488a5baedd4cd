"""Document in, answer out: the request path on one page.

A request is looked up (document, operation name, variant), its variables are coerced, and what it asks for is taken from the
answer store, from an execution under way for the same identity, or from an execution of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.composition import Supergraph
from gateway.engine import debug
from gateway.engine.channels import Open
from gateway.engine.document import VARIANTS, Document, Variables, Variant, prepare
from gateway.engine.flight import Flights
from gateway.engine.headers import of_flight, of_store
from gateway.engine.introspection import introspect
from gateway.engine.labels import Shares, labels_of
from gateway.engine.limits import Limits
from gateway.engine.live import Live
from gateway.engine.nouns import Answer, Asked, Form, Shown
from gateway.engine.parts import Parts
from gateway.engine.recalled import Landings, Recalled
from gateway.engine.render import Renderer
from gateway.engine.returned import Returned, exposed, returned
from gateway.engine.rights import Rights
from gateway.engine.store import AnswerStore, Lru, weighed
from gateway.engine.stories import Stories
from gateway.engine.warnings import Drifting, deprecated, drifted, field_deprecated
from gateway.engine.withhold import cut, told
from gateway.errors import AFFECTED_LISTED, Disclosure, Owner, RequestError, TooManyUpstreamCalls, internal
from gateway.execution.compile import Leaves, Ready, compile_plan
from gateway.execution.run import Outcome, Run
from gateway.planning.operation import Operation, normalise
from gateway.planning.plan import Plan, outline
from gateway.planning.planner import plan as plan_operation
from gateway.upstream.call import Request
from gateway.upstream.clock import WALL

__all__ = ["Answer", "Asked", "Engine", "Form", "Limits"]

LARGE = 16 * 1024
"""Characters of a document from which it is prepared off the event loop."""
DOCUMENTS = 2_000
DOCUMENT_CHARACTERS = 16 * 1024 * 1024
NO_ASPECTS: frozenset[str] = frozenset()
WARM = 200
"""Documents a new engine prepares before it takes the place of another."""
INTROSPECTIONS = 50
INTROSPECTION_BYTES = 64 * 1024 * 1024
EVERY = 10_000
"""Positions of one error that are told where each has an entry of its own."""

encode = msgspec.json.Encoder(order="deterministic").encode


class Engine:
    """A supergraph, its ready operations and the answer store. Replaced whole when anything about the schema changes."""

    def __init__(
        self,
        supergraph: Supergraph,
        *,
        limits: Limits = Limits(),
        disclosure: Disclosure = Disclosure(),
        owner: Owner,
        on_error: str = "propagate",
        per_path: bool = False,
        new_id: Callable[[str], str] | None = None,
        clock: Callable[[], float] = WALL,
        debug: frozenset[str] = frozenset(),
        always: frozenset[str] = frozenset(),
        rights: Rights | None = None,
        stories: Stories | None = None,
        tagged: bool = False,
        returned: Mapping[str, Sequence[Returned]] = {},
        shares: Shares = Shares(),
        opened: Open | None = None,
    ) -> None:
        """`debug`: what callers may ask to be told of their own answers; `always`: what they are told when they ask for nothing.
        `stories` are kept of requests that fail.

        `tagged`: answers say what they are made of. `returned`: source → headers of its replies that are handed on.
        `shares`: which labels of overrides a request has. `opened`: the subscriptions of this process.
        """
        self.stories = stories if stories is not None else Stories()
        self.supergraph = supergraph
        self.limits = limits
        self.on_error = on_error
        self.clock = clock
        self.debug = debug
        self.always = always
        self.rights = rights
        self.tagged = tagged
        self.returned = returned
        self.exposed = {name: each.exposes for name, each in supergraph.subgraphs.items() if each.exposes}
        self.shares = shares
        self.per_path = per_path
        self.render = Renderer(supergraph, owner, disclosure, new_id, clock)
        self.drifting: tuple[Drifting, ...] = ()
        self.documents: Lru[tuple[str, str | None], Document | RequestError] = Lru(DOCUMENTS, DOCUMENT_CHARACTERS)
        self.introspections: Lru[tuple[Variant, bytes], Mapping[str, bytes]] = Lru(INTROSPECTIONS, INTROSPECTION_BYTES)
        self.leaves: Leaves = {}
        self.answers = AnswerStore()
        self.flights: Flights[tuple[Any, ...], Outcome] = Flights()
        self.introspecting: Flights[tuple[Variant, bytes], Mapping[str, bytes]] = Flights()
        self.preparing: Flights[tuple[str, str | None], Document | RequestError] = Flights()
        self.parts = Parts(self)
        self.live = Live(self, opened if opened is not None else Open())

    # ------------------------------------------------------------ the way of a request

    async def answer(self, asked: Asked) -> Answer:
        """Never raises but for cancellation: every failure is an answer that says whose it is."""
        try:
            document = self.documents.get((asked.document, asked.operation_name)) or await self._prepare(asked)
            if isinstance(document, RequestError):
                return self.failed(asked, self.render.refusal(document, asked.request))
            if asked.account is not None:
                asked.account.kind, asked.account.name = document.kind, document.name
            if document.apart and (apart := self.parts.answer(asked, document)) is not None:
                return apart
            variables = document.coerce(asked.variables)
            if document.estimate is not None:
                document.estimate.check(variables)
            lacking = self.rights.lacking(asked.request.caller) if self.rights else 0
            flags = document.flags(variables)
            if document.labels:
                flags = (*flags, *self.shares.chosen(document.labels, asked.request))
            if lacking & document.rules:
                flags = (*flags, lacking & document.rules)
            variant = document.variants.get(flags) or self.compiled(asked, document, variables, flags, lacking & document.rules)
            asked.request.tally.limit = self.limits.upstream_calls_total
            answer = await self._answered(asked, document, variant, variables, lacking & variant.rules)
            return self._dressed(answer, variant)
        except RequestError as refused:
            return self.failed(asked, self.render.refusal(refused, asked.request))
        except Exception as bug:
            return self.failed(asked, self.render.refusal(internal(bug), asked.request))

    def failed(
        self, asked: Asked, answer: Answer, document: Document | None = None, variant: Variant | None = None,
        outcome: Outcome | None = None,
    ) -> Answer:  # fmt: skip
        """The answer; its story is kept, where it has errors."""
        if answer.has_errors:
            text, plan = (asked.document if document else None), (variant.ready.plan if variant else None)
            self.stories.keep(asked, answer, self.clock(), text, plan, outcome.exchanges if outcome else ())
        return answer

    def plan(self, document: str, operation_name: str | None = None, variables: Mapping[str, Any] | None = None) -> Plan:
        """The plan of an operation, without running it. Raises `RequestError`."""
        prepared = prepare(self.supergraph, document, operation_name, self.limits)
        if prepared.refusal is not None:
            raise prepared.refusal
        return self.planned(self.normal(prepared, prepared.coerce(variables or {}), incremental=True))

    # ------------------------------------------------------------ once per operation

    def warm(self, before: Engine) -> None:
        """Prepare what the engine before was asked last, so that nobody waits for it. Slow: not on the loop."""
        for (text, name), known in reversed(before.documents.latest(WARM)):
            document = self._prepared(Asked(text, Request(""), operation_name=name))
            if isinstance(known, RequestError) or isinstance(document, RequestError) or document.refusal is not None:
                continue
            for flags, _ in reversed(known.variants.latest(VARIANTS)):
                if len(flags) == len(document.flag_names):
                    with suppress(RequestError):
                        self._compile(document, dict(zip(document.flag_names, flags, strict=True)), flags, 0)

    async def _prepare(self, asked: Asked) -> Document | RequestError:
        key = (asked.document, asked.operation_name)

        async def make() -> Document | RequestError:
            if len(asked.document) < LARGE:
                return self._prepared(asked)
            return await asyncio.to_thread(self._prepared, asked)

        began = time.monotonic()
        prepared = await self.preparing.share(key, make)
        if asked.account is not None:
            asked.account.spent("prepare", began)
        return prepared

    def _prepared(self, asked: Asked) -> Document | RequestError:
        """A refusal is remembered like a plan: the same bad document is not validated twice."""
        document: Document | RequestError
        try:
            document = prepare(self.supergraph, asked.document, asked.operation_name, self.limits)
            if self.rights is not None and document.refusal is None:
                document.rules = self.rights.of_document(document.parsed[0])
            if document.refusal is None:
                document.labels = labels_of(self.supergraph, document.parsed[0])
            document.shown = self._said_of(document)
        except RequestError as refused:
            document = refused
        self.documents.put((asked.document, asked.operation_name), document, len(asked.document))
        return document

    def _said_of(self, document: Document) -> Shown:
        """What every answer to it says beside its data."""
        node = document.parsed[0]
        warnings = [field_deprecated(each) for each in deprecated(self.supergraph, node)]
        return Shown(warnings=[*warnings, *(drifted(self.supergraph, node, self.drifting) if self.drifting else ())])

    async def drift(self, drifting: Sequence[Drifting]) -> None:
        """From now on answers say so that make use of it. Costs nothing but where documents name what it is about."""
        names = {each.field for each in (*self.drifting, *drifting)}
        self.drifting = tuple(drifting)
        known = [(text, each) for (text, _), each in self.documents.latest(DOCUMENTS) if isinstance(each, Document)]
        concerned = [each for text, each in known if any(name in text for name in names) and each.refusal is None]
        for each in concerned:
            each.shown = await asyncio.to_thread(self._said_of, each)

    def compiled(self, asked: Asked, document: Document, variables: Variables, flags: tuple[int, ...], lacking: int) -> Variant:
        began = time.monotonic()
        variant = self._compile(document, variables, flags, lacking)
        if asked.account is not None:
            asked.account.spent("plan", began)
        return variant

    def _compile(self, document: Document, variables: Variables, flags: tuple[int, ...], lacking: int) -> Variant:
        """`lacking`: what of the rules its fields come under this caller does not meet."""
        withheld = None
        operation = self.normal(document, variables)
        if lacking and self.rights:
            selection, withheld = cut(operation.selection, self.rights, lacking)
            operation = replace(operation, selection=selection)
        chosen = zip(document.labels, flags[len(document.flag_names) :], strict=False)
        plan = self.planned(operation, frozenset(label for label, has in chosen if has))
        rules = self.rights.of_sources(plan.subgraphs) if self.rights else 0
        variant = Variant(compile_plan(plan, self.supergraph.subgraphs, self.leaves), operation.introspection, withheld, rules)
        document.variants.put(flags, variant)
        document.let_go()
        return variant

    def normal(self, document: Document, variables: Variables, *, incremental: bool = False) -> Operation:
        flags: dict[str, int] = {name: bool(variables.get(name)) for name in document.flag_names}
        if incremental:
            flags |= document.counts(variables)
        schema = self.supergraph.schema
        root = schema.subscription_type if document.kind == "subscription" else schema.query_type
        return normalise(schema, *document.parsed, flags, root=root, incremental=incremental)

    def planned(self, operation: Operation, labels: frozenset[str] = frozenset()) -> Plan:
        plan = plan_operation(operation, self.supergraph.chosen(labels))
        planned, limit = len(plan.steps), self.limits.upstream_calls
        if limit and planned > limit:
            said = f"This operation needs {planned} upstream calls; at most {limit} are allowed."
            raise TooManyUpstreamCalls(said, planned=planned, limit=limit, plan=outline(plan))
        return plan

    # ------------------------------------------------------------ once per request

    async def _answered(self, asked: Asked, document: Document, variant: Variant, variables: Variables, lacking: int) -> Answer:
        """`lacking`: what the sources of the plan require and this caller has not; it is part of who asks."""
        ready, request, headers = variant.ready, asked.request, asked.request.headers
        aspects = debug.wanted(headers.get(debug.HEADER), self.debug) or self.always if self.debug else NO_ASPECTS
        if aspects:
            return await self._watched(asked, document, variant, variables, aspects)
        key = self._key(asked, document, ready, variables, lacking)
        shown = document.shown
        if (stored := self._stored(key, asked, shown)) is not None:
            return stored
        own: list[bool] = []

        async def execute() -> Outcome:
            own.append(True)
            return await self._execute(asked, document, variant, variables)

        outcome = await self.flights.share(key, execute)
        if asked.account is not None:
            asked.account.came("executed" if own else "shared", outcome)
        if not own:
            shown = Shown(of_flight(), shown.warnings)
        elif outcome.expires > self.clock() and not outcome.errors and not outcome.announced:
            self.answers.put(key, weighed(key, replace(outcome, exchanges=())))
        answer = self.render.outcome(outcome, request, shown)
        return self.failed(asked, answer, document, variant, outcome) if answer.has_errors else answer

    def _key(self, asked: Asked, document: Document, ready: Ready, variables: Variables, lacking: int) -> tuple[Any, ...]:
        """Of one question by one identity."""
        identity = ready.identity(asked.request.headers)
        return (ready, encode(variables) if variables else b"", identity, lacking, self.on_error_of(asked, document))

    def _stored(self, key: tuple[Any, ...], asked: Asked, shown: Shown) -> Answer | None:
        stored = self.answers.get(key, now := self.clock())
        if stored is None:
            return None
        if asked.account is not None:
            asked.account.came("stored", stored.outcome)
        shown = Shown(of_store(stored.outcome.expires - now), shown.warnings)
        return self.render.outcome(stored.outcome, asked.request, shown)

    def _dressed(self, answer: Answer, variant: Variant) -> Answer:
        if variant.ready.varies:
            answer = replace(answer, propagates=variant.ready.varies)
        return replace(answer, tags=variant.tags) if self.tagged else answer

    # ------------------------------------------------------------ a question that came before

    def recalled(self, asked: Asked) -> Recalled | None:
        """The question as it was looked up. None: more than itself and its caller's headers decides what it is."""
        document = self.documents.get((asked.document, asked.operation_name))
        if not isinstance(document, Document) or document.apart or document.labels or self.rights:
            return None
        variables = document.coerce(asked.variables)
        variant = document.variants.get(document.flags(variables))
        if variant is None or (self.debug and debug.HEADER in asked.request.headers):
            return None
        return Recalled(document, variant, self._key(asked, document, variant.ready, variables, 0))

    def is_kept(self, recalled: Recalled) -> bool:
        return self.answers.get(recalled.key, self.clock()) is not None

    def kept(self, recalled: Recalled, asked: Asked) -> Answer | None:
        """The answer, if it is in the store."""
        answer = self._stored(recalled.key, asked, recalled.document.shown)
        return self._dressed(answer, recalled.variant) if answer is not None else None

    def landing(self, recalled: Recalled) -> Landings | None:
        """The execution of the same question for the same identity that is under way, if any."""
        return self.flights.join(recalled.key)

    def landed(self, recalled: Recalled, outcome: Outcome, asked: Asked) -> Answer:
        if asked.account is not None:
            asked.account.came("shared", outcome)
        document, variant = recalled.document, recalled.variant
        answer = self.render.outcome(outcome, asked.request, Shown(of_flight(), document.shown.warnings))
        return self._dressed(self.failed(asked, answer, document, variant, outcome), variant)

    # ------------------------------------------------------------ an execution

    async def _watched(
        self, asked: Asked, document: Document, variant: Variant, variables: Variables, aspects: frozenset[str]
    ) -> Answer:
        """An execution of its own, which is neither shared nor kept: it is the way that is of interest, not the data."""
        began = time.monotonic()
        outcome = await self._execute(asked, document, variant, variables)
        if asked.account is not None:
            asked.account.came("executed", outcome)
        told = debug.extensions(aspects, variant.ready.plan, outcome, asked.request, began)
        answer = self.render.outcome(outcome, asked.request, Shown(warnings=document.shown.warnings, debug=told))
        return self.failed(asked, answer, document, variant, outcome)

    def on_error_of(self, asked: Asked, document: Document) -> str:
        """What an error does to a non-null field: as the request says, or its operation, or the configuration."""
        return asked.on_error or document.on_error or self.on_error

    async def _execute(self, asked: Asked, document: Document, variant: Variant, variables: Variables) -> Outcome:
        introspected: Mapping[str, bytes] = {}
        if variant.introspection:
            introspected = await self.introspected(asked, document, variant)
        on_error = self.on_error_of(asked, document)
        listed = EVERY if self.per_path or on_error == "null" else AFFECTED_LISTED
        outcome = await Run(variant.ready, variables, asked.request, listed).outcome(introspected, on_error)
        if self.returned:
            outcome = replace(outcome, returned=returned(outcome.exchanges, self.returned))
        if self.exposed:
            outcome = replace(outcome, exposed=exposed(outcome.exchanges, self.exposed))
        if document.rules or variant.rules:
            outcome = replace(outcome, private=True)
        if variant.withheld is not None:
            return told(outcome, variant.withheld, asked.request.caller, on_error, listed)
        return outcome

    async def introspected(self, asked: Asked, document: Document, variant: Variant) -> Mapping[str, bytes]:
        """Once per engine, and off the event loop."""
        key = (variant, encode(asked.variables))
        if (known := self.introspections.get(key)) is None:
            fields, schema = variant.introspection, self.supergraph.schema
            make = partial(introspect, schema, document, fields, asked.variables)
            known = await self.introspecting.share(key, lambda: asyncio.to_thread(make))
            self.introspections.put(key, known, sum(map(len, known.values())))
        return known
