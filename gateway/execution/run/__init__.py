"""Carries a compiled plan out: each fetch as soon as what it needs is there, siblings side by side, one branch always inline.

`calls` sends one call and reads its reply; `keyed` fetches rows by the keys of others; here is the order of it all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors import AFFECTED_LISTED, GatewayError, internal, settled
from gateway.execution.compile import Ready, ReadyStep
from gateway.execution.explained import unexplained_nulls
from gateway.execution.gather import Gathered, walk
from gateway.execution.place import hide
from gateway.execution.reading import attribute_of
from gateway.execution.run.keyed import Keyed
from gateway.execution.run.outcome import Outcome, Stale
from gateway.execution.run.waiting import side_by_side
from gateway.execution.shape import Complete, Entry, complete
from gateway.upstream.call import Request

__all__ = ["Outcome", "Run", "Stale"]

encode = msgspec.json.Encoder(decimal_format="number").encode


class Run(Keyed):
    """One execution."""

    __slots__ = ("listed", "pending", "root")

    def __init__(
        self,
        ready: Ready,
        variables: Mapping[str, Any],
        request: Request,
        listed: int = AFFECTED_LISTED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(ready, variables, request, clock)
        self.listed = listed
        self.root = ready.root()
        self.pending = [step.requires for step in ready.steps]

    async def outcome(self, introspected: Mapping[str, bytes], on_error: str = "propagate") -> Outcome:
        """`introspected`: response key → JSON of the root fields the gateway answers itself."""
        for key, value in introspected.items():
            setattr(self.root, attribute_of(key), msgspec.Raw(value))
        await self._all(self.ready.first)
        if self.faulty or self.loose:
            shaped: Complete = complete(self.root, self.ready.cases, on_error, self.listed)
            told = {id(entry.error) for entry in shaped.errors}
            errors = (*shaped.errors, *(Entry(error) for error in self.loose if id(error) not in told))
            stale, exchanges = tuple(self.stale), tuple(self.exchanges)
            unexplained = unexplained_nulls(self.root, shaped, self.ready.cases)
            data, announced = encode(shaped.data), self.announced
            return Outcome(data, errors, stale, announced=announced, exchanges=exchanges, unexplained=unexplained)
        for index, step in enumerate(self.ready.steps):
            for attribute, classes in step.clean:
                parents = self.parents[index]
                hide(parents if classes is None else [p for p in parents if p.__class__ in classes], attribute)
            if step.hide_key is not None:
                hide(self.rows[index], step.hide_key)
            for higher in step.above:
                if higher.hidden is not None:
                    hide(walk(self.rows[higher.base], higher.descents), higher.hidden)
        expires = 0.0 if self.stale or not self.ready.steps else self.expires
        stale, exchanges = tuple(self.stale), tuple(self.exchanges)
        return Outcome(encode(self.root), (), stale, expires, self.private, self.announced, exchanges)

    # ------------------------------------------------------------ order

    async def _all(self, steps: Sequence[int]) -> None:
        if len(steps) == 1:
            await self._step(steps[0])
        elif steps:
            await side_by_side([self._step(i) for i in steps])

    async def _step(self, index: int) -> None:
        step = self.ready.steps[index]
        try:
            await (self._by_key(index, step) if step.entry is not None else self._root(index, step))
        except Exception as bug:
            self._fail(index, step, internal(settled(bug)))
        finally:
            self._placed(index)  # also when it is cancelled: whoever waits for it is to end, too
        due = []
        for other in step.then:
            self.pending[other] -= 1
            if not self.pending[other]:
                due.append(other)
        await self._all(due)

    def _fail(self, index: int, step: ReadyStep, error: GatewayError) -> None:
        """A bug of ours costs what this fetch was to bring, and says so."""
        self.faulty = True
        if step.entry is None:
            self._place_root(step, error)
            return
        parents = self.parents[index]
        gathered = Gathered(parents, [error] * len(parents))
        step.place(gathered, {error: error})

    # ------------------------------------------------------------ roots

    async def _root(self, index: int, step: ReadyStep) -> None:
        (chunk,) = step.prepared.calls((), self.variables, self.request, step.verify)
        reply = await self._send(step, chunk)
        value = reply if isinstance(reply, GatewayError) else self._read(step, chunk, reply)
        self._place_root(step, value)
        if not isinstance(value, GatewayError):
            self.rows[index] = self._root_rows(step, value)
        if step.merges:
            await self._others(index, step)
            for attribute, merge in step.merges:
                given = value if isinstance(value, GatewayError) else getattr(value, attribute)
                if merge(getattr(self.root, attribute), given):
                    self.faulty = True

    def _place_root(self, step: ReadyStep, value: Any) -> None:
        fields = step.step.fetch.selection.cases[0].fields
        whole = step.match == "value" or isinstance(value, GatewayError)
        for field in fields:
            if not field.hidden and not field.merged:
                attribute = attribute_of(field.key)
                setattr(self.root, attribute, value if whole else getattr(value, attribute))

    def _root_rows(self, step: ReadyStep, value: Any) -> list[Any]:
        """What paths start from: an object with the root fields, which for a single value is the answer's own row."""
        return [self.root if step.match == "value" else value]
