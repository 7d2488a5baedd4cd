"""Fetches by key: whose keys are gathered from rows that are there already, and whose rows find their places by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from graphql import print_ast

from gateway.errors import GatewayError, SchemaDrift, SourceError, UpstreamTooLarge
from gateway.execution.above import completing_keys, set_apart
from gateway.execution.compile import Ready, ReadyStep
from gateway.execution.exchange import Exchange
from gateway.execution.gather import Gathered, flatten, gather, walk
from gateway.execution.kept import Kept
from gateway.execution.place import Found, by_key
from gateway.execution.reading import describe
from gateway.execution.run.calls import Calls
from gateway.execution.run.waiting import windowed
from gateway.sources.base import Chunk
from gateway.upstream.call import Call, Reply, Request

PATIENCE = 60.0
"""Seconds for which rows of another batch are waited for where no deadline is nearer."""


class Keyed(Calls):
    """`rows[i]` are the distinct rows that step *i* brought, `parents[i]` the rows that its keys are from."""

    __slots__ = ("_classes", "parents", "placed", "ready", "rows", "variables")

    def __init__(self, ready: Ready, variables: Mapping[str, Any], request: Request, clock: Callable[[], float]) -> None:
        super().__init__(request, clock)
        self.ready = ready
        self.variables = variables
        self.rows: list[list[Any]] = [[]] * len(ready.steps)
        self.parents: list[list[Any]] = [[]] * len(ready.steps)
        self.placed = {index: asyncio.Event() for index in ready.awaited}
        self._classes = ready.row_classes

    def _parents(self, step: ReadyStep) -> list[Any]:
        rows = walk(self.rows[step.base], step.descents)
        for base, ways in step.also:
            rows = rows + walk(self.rows[base], ways)
        return rows

    async def _by_key(self, index: int, step: ReadyStep) -> None:
        self.parents[index] = parents = self._parents(step)
        key_of = completing_keys(step.key_of, step.above, self.rows) if step.above else step.key_of
        gathered = gather(parents, key_of, step.convert, step.single)
        found: Found = gathered.known
        if found and any(v is not None for v in found.values()):
            self.faulty = True
        if gathered.asked:
            self.request.tally.deduped += len(gathered.keys) - len(gathered.asked)
            if step.kept is not None and step.kept.shares:
                await self._ask_for_less(index, step, step.kept, gathered, found)
            else:
                await self._ask(index, step, gathered, found)
        if step.apart:
            self.rows[index] = [*self.rows[index], *set_apart(gathered, found, self._classes)]
        if step.replace is not None:
            self._replace(index, step, gathered, found)
        elif step.place(gathered, found):
            self.faulty = True
        if step.complete is not None:
            await self._others(index, step)
            if step.complete(gathered, found):
                self.faulty = True

    async def _ask(self, index: int, step: ReadyStep, gathered: Gathered, found: Found) -> None:
        chunks = step.prepared.calls(gathered.wire, self.variables, self.request, step.verify)
        if len(chunks) == 1:
            await self._chunk(index, step, chunks[0], gathered, found)
        else:
            width = min(step.subgraph.per_operation, len(chunks))
            await windowed([self._chunk(index, step, chunk, gathered, found) for chunk in chunks], width)

    async def _ask_for_less(self, index: int, step: ReadyStep, kept: Kept, gathered: Gathered, found: Found) -> None:
        """Only for rows that nobody has and nobody is fetching. What others fetch is waited for, and asked for after all when it
        has not come: their failures are theirs."""
        scope = kept.scope(self.variables, self.request)
        if not kept.empty:
            self._kept(index, step, kept, gathered, found)
        coming = kept.coming(scope, gathered.asked)
        theirs = gathered.part(coming) if coming else None
        if gathered.asked:
            arrived = kept.expect(scope, gathered.asked)
            try:
                await self._ask(index, step, gathered, found)
            finally:
                arrived()
        if theirs is not None:
            await asyncio.wait(set(coming.values()), timeout=max(min(self.request.deadline - self.clock(), PATIENCE), 0.0))
            self._kept(index, step, kept, theirs, found)
            if theirs.asked:
                await self._ask(index, step, theirs, found)

    def _replace(self, index: int, step: ReadyStep, gathered: Gathered, found: Found) -> None:
        assert step.replace is not None  # only called then
        holders = walk(self.rows[step.base], step.holders)
        self.rows[index], faulty = step.replace(holders, gathered, found)
        self.faulty = self.faulty or faulty

    async def _chunk(self, index: int, step: ReadyStep, chunk: Chunk, gathered: Gathered, found: Found) -> None:
        reply = await self._send(step, chunk)
        value = reply if isinstance(reply, GatewayError) else self._read(step, chunk, reply)
        keys = list(map(gathered.asked.__getitem__, chunk.keys))
        if len(keys) > 1:
            self.request.tally.batched += 1
        if isinstance(value, GatewayError):
            found.update(dict.fromkeys(keys, value))
            if step.kept is not None and not step.kept.empty:
                self._again(index, step, step.kept, keys, value, found)
            return
        rows = self._match(step, keys, value, found)
        self.rows[index] = self.rows[index] + rows if self.rows[index] else rows
        if step.kept is not None and isinstance(reply, Reply) and not self.faulty:
            self._keep(step, step.kept, keys, value, reply)
        if step.prepared.following is not None:
            await self._pages(index, step, chunk.call, reply, keys, found)

    def _keep(self, step: ReadyStep, kept: Kept, keys: list[Any], value: Any, reply: Reply) -> None:
        if reply.freshness.expires or kept.shares:
            scope = kept.scope(self.variables, self.request)
            kept.keep(scope, keys, value, step.read_key, bool(step.entry and step.entry.many), reply)

    def _kept(self, index: int, step: ReadyStep, kept: Kept, gathered: Gathered, found: Found) -> None:
        """What is there already is asked of nobody: only the other keys remain to be asked for."""
        there = kept.found(kept.scope(self.variables, self.request), gathered.asked)
        if there is None:
            return
        self._serve(index, step, kept, there, found)
        gathered.part(set(there[0]))

    def _again(self, index: int, step: ReadyStep, kept: Kept, keys: list[Any], error: GatewayError, found: Found) -> None:
        """While its source fails, an older row is served where there is one."""
        there = kept.found(kept.scope(self.variables, self.request), keys, error)
        if there is not None:
            self._serve(index, step, kept, there, found)

    def _serve(self, index: int, step: ReadyStep, kept: Kept, there: tuple[list[Any], Reply], found: Found) -> None:
        keys, reply = there
        chunk, now = Chunk(kept.call(self.request), range(len(keys))), self.clock()
        self.exchanges.append(Exchange(step, chunk.call, len(keys), now, now, reply))
        self.request.tally.cached += len(keys)
        self._note(step, reply)
        value = self._read(step, chunk, reply)
        if isinstance(value, GatewayError):
            found.update(dict.fromkeys(keys, value))
        else:
            self.rows[index] = [*self.rows[index], *self._match(step, keys, value, found)]

    async def _pages(
        self, index: int, step: ReadyStep, call: Call, reply: Reply | GatewayError, keys: list[Any], found: Found
    ) -> None:
        """Read on until every key has its row, or nothing follows. What was not found when reading has to end is no null."""
        entry, following = step.entry, step.prepared.following
        assert entry is not None
        assert following is not None
        error: GatewayError | None = None
        for page in range(1, step.prepared.pages + 1):
            missing = keys if entry.many else [key for key in keys if found[key] is None]
            if not missing:
                return
            try:
                after = following(call, reply) if isinstance(reply, Reply) else None
            except SourceError as fault:
                error = self._failed(fault, step, Chunk(call))
                break
            if after is None:
                return
            if page == step.prepared.pages or after.url == call.url:
                error = self._failed(_unfinished(page), step, Chunk(call))
                break
            call, chunk = after, Chunk(after, range(len(missing)))
            reply = await self._send(step, chunk)
            value = reply if isinstance(reply, GatewayError) else self._read(step, chunk, reply)
            if isinstance(value, GatewayError):
                error = value
                break
            more: Found = {}
            rows = self._match(step, missing, value, more)
            self.rows[index] = [*self.rows[index], *rows]
            _add(found, more, entry.many)
        found.update({key: error for key in keys if entry.many or found[key] is None})

    def _match(self, step: ReadyStep, keys: list[Any], value: Any, found: Found) -> list[Any]:
        """Fills `found` for these keys; returns the rows that came."""
        if step.match == "key":
            return self._match_rows(step, keys, value or [], found)
        if step.match == "order":
            values = value if value.__class__ is list and len(value) == len(keys) else [self._miscounted(step, value)] * len(keys)
            found.update(zip(keys, values, strict=True))
            return [row for row in values if row.__class__ in self._classes]
        if step.match == "alias":
            try:
                values = [value[f"_{i}"] for i in range(len(keys))]
            except KeyError:
                absent = self._unanswered(step)
                values = [value.get(f"_{i}", absent) for i in range(len(keys))]
        else:
            values = [value]
        found.update(zip(keys, values, strict=True))
        return flatten(values, self._classes)

    def _unanswered(self, step: ReadyStep) -> GatewayError:
        """A field that was asked for and is not in the reply, not even as null."""
        self.faulty = True
        coordinate = f"Query.{step.entry.via if step.entry else ''}"
        expected = print_ast(step.entry.result) if step.entry and step.entry.result else "a value"
        sentence = f"sent nothing for {coordinate}, which is declared as {expected}"
        error = SchemaDrift(sentence, coordinate=coordinate, expected=expected, actual="nothing")
        error.service = step.subgraph.name
        return error

    def _miscounted(self, step: ReadyStep, value: Any) -> GatewayError:
        self.faulty = True
        actual = f"a list of {len(value)}" if value.__class__ is list else describe(value)
        coordinate = f"Query.{step.entry.via if step.entry else ''}"
        sentence = f"sent {actual} for {coordinate}, which has to answer each representation"
        error = SchemaDrift(sentence, coordinate=coordinate, expected="one item per representation", actual=actual)
        error.service = step.subgraph.name
        return error

    def _match_rows(self, step: ReadyStep, keys: list[Any], rows: list[Any], found: Found) -> list[Any]:
        entry = step.entry
        assert entry is not None  # only fetches by key are matched
        by, fault = by_key(rows, step.read_key, entry.many)
        if not step.same_key:
            by = {str(key): row for key, row in by.items()}
        if step.same_key and fault is None and not entry.many:
            found.update(zip(keys, map(by.get, keys), strict=True))
        else:
            for key in keys:
                row = by.get(key if step.same_key else str(key), fault)
                found[key] = [] if row is None and entry.many else row
        return rows if self._classes.issuperset(map(type, rows)) else [row for row in rows if row.__class__ in self._classes]

    # ------------------------------------------------------------ completing the rows of others

    def _placed(self, index: int) -> None:
        """The rows of this step are where they belong: whoever is to complete them may."""
        if (event := self.ready.awaited and self.placed.get(index)) and not event.is_set():
            event.set()

    async def _others(self, index: int, step: ReadyStep) -> None:
        """Called when this step's own rows are placed: two steps may complete each other's."""
        self._placed(index)
        for other in step.after:
            await self.placed[other].wait()


def _add(found: Found, more: Found, many: bool) -> None:
    """What another page brought, to what was there."""
    for key, value in more.items():
        if not many or isinstance(value, GatewayError):
            found[key] = value
        elif not isinstance(found[key], GatewayError):
            found[key] = [*(found[key] or ()), *value]


def _unfinished(pages: int) -> UpstreamTooLarge:
    said = "1 page" if pages == 1 else f"{pages} pages"
    return UpstreamTooLarge(f"has more pages than are read (`page.max`): the row was not among the first {said}")
