"""Account of every operation: counted, its trace completed, and a line where there is something to tell."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import random
from typing import Any

import msgspec

from gateway.app.observing.line import Error, facts_of, told
from gateway.engine.nouns import Account, Answer, Asked
from gateway.engine.stories import masked_text
from gateway.telemetry.metrics import COUNTS, Counter, Family, Histogram, Names
from gateway.telemetry.spans import Tracing
from gateway.telemetry.trace import Trace

log = logging.getLogger("gateway.operation")
INTERNAL = "INTERNAL_SERVER_ERROR"
DATA = b'{"data":'
NO_DATA = b'{"data":null'
NAME = 128
"""Characters of an operation's name that are told."""


class _Failed(msgspec.Struct):
    errors: list[Error] = []


_errors_of = msgspec.json.Decoder(_Failed)


class Counts:
    """What is counted of operations."""

    def __init__(self, operations: int) -> None:
        """`operations`: how many names are told apart."""
        by = ("graphql.operation.name", "gateway.result")
        self.names = Names(operations)
        self.durations = Histogram("gateway.operation.duration", "s", "Duration of an operation, from document to answer.", by)
        self.calls = Histogram(
            "gateway.operation.calls", "{call}", "Upstream calls one operation made.", by[:1], COUNTS
        )  # fmt: skip
        self.answers = Counter("gateway.answers", "{answer}", "Answers by where they came from.", ("gateway.answer.from",))
        self.errors = Counter(
            "gateway.errors",
            "{error}",
            "Entries of `errors`, by their code and whose they are.",
            ("gateway.error.code", "gateway.source", "gateway.owner"),
        )
        self.batches = Histogram("gateway.batch.size", "{key}", "Keys asked for in one call.", ("gateway.source",), COUNTS[1:])
        self.phases = Histogram("gateway.planning.duration", "s", "Work done once for an operation.", ("gateway.phase",))
        self.unexplained = Counter("gateway.unexplained_nulls", "{null}", "Nulls that no error explains: always 0, or a bug.")

    def add(self, account: Account, name: str, result: str, calls: int, seconds: float, trace: Trace | None) -> None:
        name = self.names.of(name)
        durations = self.durations.of(name, result)
        durations.record(seconds)
        if trace is not None and trace.sampled:
            durations.explain(seconds, trace.id, trace.span)
        self.calls.of(name).record(calls)
        self.answers.add(account.served or "refused")
        if account.outcome is not None and account.served == "executed":
            for exchange in account.outcome.exchanges:
                exchange.step.calls += 1
                if exchange.keys:
                    exchange.step.keys += exchange.keys
                    self.batches.of(exchange.source).record(exchange.keys)
            if account.outcome.unexplained:
                self.unexplained.add(count=account.outcome.unexplained)
        for phase, began, ended in account.phases:
            self.phases.of(phase).record(ended - began)

    def families(self) -> Iterable[Family]:
        histograms = (self.durations, self.calls, self.batches, self.phases)
        return [each.family() for each in (*histograms, self.answers, self.errors, self.unexplained)]


class Operations:
    """`Keep` of a watched engine. What is None is off."""

    def __init__(
        self,
        counts: Counts | None,
        tracing: Tracing | None,
        successes: float = 0.0,
        documents: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random,
    ) -> None:
        self._counts = counts
        self._tracing = tracing
        self._successes = successes
        self._documents = documents
        self._monotonic = monotonic
        self._random = random

    def __call__(self, asked: Asked, account: Account, answer: Answer | None) -> None:
        now, trace = self._monotonic(), asked.request.trace
        name = account.name[:NAME]
        result = _result(answer)
        if self._counts is not None:
            self._counts.add(account, name, result, asked.request.tally.calls, now - account.began, trace)
        errors: Sequence[Error] = ()
        if answer is not None and answer.has_errors:
            errors = _errors_of.decode(answer.body).errors
            self._count(errors)
        if result != "ok" or (self._successes and self._random() < self._successes):
            self._tell(asked, account, answer, name, result, errors, now)
        if trace is not None:
            self._traced(asked, trace, account, name, result, errors, now)

    def _count(self, errors: Sequence[Error]) -> None:
        if self._counts is not None:
            for error in errors:
                about = error.extensions
                self._counts.errors.add(about.code, about.service, about.owner.team)

    def _tell(
        self, asked: Asked, account: Account, answer: Answer | None, name: str, result: str, errors: Sequence[Error], now: float
    ) -> None:
        took = now - account.began
        facts: dict[str, Any] = facts_of(asked, account, answer, name, result, errors, took)
        level = logging.INFO
        if result in ("partial", "failed"):
            level = logging.ERROR if any(each.extensions.code == INTERNAL for each in errors) else logging.WARNING
        log.log(
            level,
            "%s %s: %s in %.1f ms",
            account.kind or "operation",
            name or "without a name",
            result,
            took * 1000,
            extra={"facts": facts},
        )

    # ------------------------------------------------------------ traces

    def _traced(
        self, asked: Asked, trace: Trace, account: Account, name: str, result: str, errors: Sequence[Error], now: float
    ) -> None:  # fmt: skip
        trace.failed = trace.failed or result in ("partial", "failed")
        trace.name = account.kind or trace.name
        outcome = account.outcome
        if account.served == "shared" and outcome is not None and outcome.exchanges:
            leader = outcome.exchanges[0].call.request.trace
            trace.links += [leader.link] if leader is not None else []
        if trace.sampled or trace.failed:
            trace.phases += account.phases
            trace.attributes = self._attributes(asked, account, name, result)
            entries = outcome.errors if outcome is not None else ()
            trace.events = [("gateway.error", each) for each in told(errors, entries)]
        if not trace.held and self._tracing is not None:
            self._tracing.finish(trace, dict, now)

    def _attributes(self, asked: Asked, account: Account, name: str, result: str) -> Mapping[str, Any]:
        document = masked_text(asked.document) if self._documents and account.kind else None
        return {
            "graphql.operation.name": name or None,
            "graphql.operation.type": account.kind or None,
            "graphql.document": document,
            "gateway.result": result,
            "gateway.answer.from": account.served or None,
        }


def _result(answer: Answer | None) -> str:
    """ok, partial (with data), failed (without), refused (the caller's fault) or cancelled."""
    if answer is None:
        return "cancelled"
    if not answer.has_errors and not answer.refused:
        return "ok"
    if answer.refused or 400 <= answer.status < 500:
        return "refused"
    has_data = answer.status < 500 and answer.body.startswith(DATA) and not answer.body.startswith(NO_DATA)
    return "partial" if has_data else "failed"
