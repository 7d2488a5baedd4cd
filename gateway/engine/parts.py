"""Answers in parts, to clients that take them: the engine's other way, for `@defer` and `@stream` (`live` is the third).

What a part cannot do as an answer can goes the ordinary way, complete and at once, as the specification lets a server choose:
callers that lack rights, `on_error: halt`, and those who watch their own answers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.engine import debug
from gateway.engine.document import Document, Variables, Variant
from gateway.engine.headers import Told
from gateway.engine.nouns import Answer, Asked, Form
from gateway.engine.render import Renderer, encode
from gateway.engine.warnings import announced, stale
from gateway.errors import AFFECTED_LISTED, internal
from gateway.execution.compile import compile_plan
from gateway.execution.incremental import IncrementalRun, Instance, Part, Piece, schedule
from gateway.execution.shape import Entry
from gateway.upstream.call import Request

if TYPE_CHECKING:
    from gateway.engine import Engine

IN_PARTS = -1
"""In place of a flag: this variant is the one that comes in parts."""
EVERY = 10_000

Json = dict[str, Any]


class Parts:
    """Of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def answer(self, asked: Asked, document: Document) -> Answer | None:
        """None: it is answered at once, like any other. Raises `RequestError`."""
        engine = self._engine
        if document.refusal is not None:
            return engine.render.refused_write(document.refusal, asked.request, 405 if asked.read_only_method else 400)
        if document.kind == "subscription":
            return engine.live.answer(asked, document)
        variables = document.coerce(asked.variables)
        if document.estimate is not None:
            document.estimate.check(variables)
        counts = document.counts(variables)
        if asked.form is None or asked.form is Form.WHOLE or self._whole(asked, document):
            return None
        labels = engine.shares.chosen(document.labels, asked.request)
        flags = (*document.flags(variables), *labels, *counts.values(), IN_PARTS)
        variant = document.variants.get(flags) or self._compiled(document, variables, flags)
        if variant.schedule is None:
            return None
        asked.request.tally.limit = engine.limits.upstream_calls_total
        return Answer(b"", parts=self._payloads(asked, document, variant, variables))

    def _whole(self, asked: Asked, document: Document) -> bool:
        engine, headers = self._engine, asked.request.headers
        lacking = engine.rights.lacking(asked.request.caller) if engine.rights else 0
        watched = bool(engine.debug and debug.wanted(headers.get(debug.HEADER), engine.debug))
        return bool(lacking & document.rules) or watched or engine.on_error_of(asked, document) == "halt"

    def _compiled(self, document: Document, variables: Variables, flags: tuple[int, ...]) -> Variant:
        engine = self._engine
        operation = engine.normal(document, variables, incremental=True)
        chosen = zip(document.labels, flags[len(document.flag_names) :], strict=False)
        plan = engine.planned(operation, frozenset(label for label, has in chosen if has))
        times = schedule(plan)
        rules = engine.rights.of_sources(plan.subgraphs) if engine.rights else 0
        ready = compile_plan(plan, engine.supergraph.subgraphs, engine.leaves)
        variant = Variant(ready, operation.introspection, None, rules, times if times.later else None)
        document.variants.put(flags, variant)
        document.let_go()
        return variant

    async def _payloads(self, asked: Asked, document: Document, variant: Variant, variables: Variables) -> AsyncGenerator[bytes]:
        """Never raises but for cancellation."""
        engine, form = self._engine, asked.form or Form.CURRENT
        on_error = engine.on_error_of(asked, document)
        listed = EVERY if engine.per_path or on_error == "null" else AFFECTED_LISTED
        assert variant.schedule is not None  # only then there are parts
        try:
            introspected: Mapping[str, bytes] = {}
            if variant.introspection:
                introspected = await engine.introspected(asked, document, variant)
            run = IncrementalRun(variant.ready, variables, asked.request, listed)
            async with aclosing(run.parts(variant.schedule, introspected, on_error)) as parts:
                async for part in parts:
                    payload, failed = _payload(part, form, engine.render, asked.request, document)
                    if failed:
                        told = Answer(encode({"errors": failed}), has_errors=True)
                        engine.stories.keep(asked, told, engine.clock(), asked.document, variant.ready.plan, part.exchanges)
                    yield payload
        except Exception as bug:
            refusal: Json = msgspec.json.decode(engine.render.refusal(internal(bug), asked.request).body)
            yield encode({**refusal, "hasNext": False})


# ---------------------------------------------------------------- payloads


def _payload(part: Part, form: Form, render: Renderer, request: Request, document: Document) -> tuple[bytes, list[Json]]:
    """A part in its form; and all its errors, as they are told in it."""
    failed: list[Json] = []

    def errors(entries: Iterable[Entry]) -> Json:
        told = [dict(entry) for entry in render.entries(entries, request, list[Told]())]
        failed.extend(told)
        return {"errors": told} if told else {}

    payload: Json = {} if part.data is None else {"data": msgspec.Raw(part.data)}
    payload |= errors(part.errors)
    payload |= _current(part, errors) if form is Form.CURRENT else _apollo(part, errors)
    warnings = [*(stale(each, render.clock()) for each in part.stale), *announced(part.exchanges)]
    if part.data is not None:
        warnings += document.shown.warnings
    if failed or warnings:
        payload["extensions"] = render.extensions(warnings, request)
    return encode({**payload, "hasNext": part.more}), failed


def _current(part: Part, errors: Callable[[Iterable[Entry]], Json]) -> Json:
    """`pending` announces, `incremental` brings, `completed` ends: each names its fragment by an id."""
    told: Json = {}
    if part.pending:
        told["pending"] = [{"id": each.id, "path": list(each.path)} | _label(each) for each in part.pending]
    if part.pieces:
        told["incremental"] = [_piece(each) | errors(each.errors) for each in part.pieces]
    if part.completed:
        told["completed"] = [{"id": each.instance.id} | errors(each.errors) for each in part.completed]
    return told


def _piece(piece: Piece) -> Json:
    if piece.index is not None:
        return {"id": piece.instance.id, "items": msgspec.Raw(piece.data)}
    below = piece.path[len(piece.instance.path) :]
    return {"id": piece.instance.id, "data": msgspec.Raw(piece.data)} | ({"subPath": list(below)} if below else {})


def _apollo(part: Part, errors: Callable[[Iterable[Entry]], Json]) -> Json:
    """Each piece says where it belongs; what failed is null there."""
    brought = [(each.instance, each.path, each.index, msgspec.Raw(each.data), each.errors) for each in part.pieces]
    failed = [(each.instance, each.instance.path, each.index, None, each.errors) for each in part.completed if each.errors]
    pieces = [
        {"data": data, "path": list(path)} | _label(instance) | errors(entries)
        if index is None
        else {"items": data, "path": [*path, index]} | _label(instance) | errors(entries)
        for instance, path, index, data, entries in (*brought, *failed)
    ]
    return {"incremental": pieces} if pieces else {}


def _label(instance: Instance) -> Json:
    return {"label": instance.label} if instance.label is not None else {}
