"""Carries a compiled plan out: each fetch as soon as what it needs is there, siblings side by side, one branch always inline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from gateway.errors import (
    AFFECTED_LISTED,
    GatewayError,
    SchemaDrift,
    SourceError,
    UpstreamNotFound,
    UpstreamTooLarge,
    internal,
)
from gateway.execution.compile import Ready, ReadyStep
from gateway.execution.exchange import Exchange
from gateway.execution.gather import Gathered, flatten, gather, walk
from gateway.execution.place import Found, by_key, hide
from gateway.execution.reading import Sink, attribute_of, describe
from gateway.execution.shape import Complete, Entry, complete
from gateway.sources.base import Chunk
from gateway.upstream.call import Call, Reply, Request

encode = msgspec.json.Encoder(decimal_format="number").encode


class Stale(msgspec.Struct, frozen=True):
    """A copy past its freshness was used."""

    service: str
    path: tuple[str, ...]
    age: float
    """Seconds since it was made."""
    expired: float
    """When its freshness ended, on the `time.time` clock."""
    cause: str
    status: int | None = None
    """What the source answered instead, where it answered."""


class Outcome(msgspec.Struct, frozen=True):
    """The answer's `data` as bytes, and what went wrong on the way to it."""

    data: bytes
    errors: tuple[Entry, ...] = ()
    stale: tuple[Stale, ...] = ()
    expires: float = 0.0
    """`time.time` clock; 0: not to be stored."""
    private: bool = False
    announced: bool = False
    """A source said that what it was asked is deprecated, or will end."""
    exchanges: tuple[Exchange, ...] = ()
    """The upstream calls, in the order they ended."""
    returned: tuple[tuple[bytes, bytes], ...] = ()
    """Header fields of the sources that are handed on. The engine's business."""
    exposed: tuple[dict[str, Any], ...] = ()
    """What calls came back with in the headers that their source exposes. The engine's business."""


class Run:
    """One execution. `rows[i]` are the distinct rows that step *i* brought."""

    __slots__ = (
        "_classes",
        "announced",
        "clock",
        "exchanges",
        "expires",
        "faulty",
        "listed",
        "loose",
        "parents",
        "pending",
        "placed",
        "private",
        "ready",
        "request",
        "root",
        "rows",
        "stale",
        "variables",
    )

    def __init__(
        self,
        ready: Ready,
        variables: Mapping[str, Any],
        request: Request,
        listed: int = AFFECTED_LISTED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.exchanges: list[Exchange] = []
        self.ready = ready
        self.listed = listed
        self.variables = variables
        self.request = request
        self.root = ready.root()
        count = len(ready.steps)
        self.rows: list[list[Any]] = [[]] * count
        self.parents: list[list[Any]] = [[]] * count
        self.pending = [step.requires for step in ready.steps]
        self.faulty = False
        self.loose: list[GatewayError] = []
        self.stale: list[Stale] = []
        self.announced = False
        self.expires = float("inf")
        self.private = False
        self._classes = ready.row_classes
        self.placed = {index: asyncio.Event() for index in ready.awaited}

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
            return Outcome(encode(shaped.data), errors, stale, announced=self.announced, exchanges=exchanges)
        for index, step in enumerate(self.ready.steps):
            for attribute, classes in step.clean:
                parents = self.parents[index]
                hide(parents if classes is None else [p for p in parents if p.__class__ in classes], attribute)
            if step.hide_key is not None:
                hide(self.rows[index], step.hide_key)
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
            self._fail(index, step, internal(bug))
        self._placed(index)
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

    # ------------------------------------------------------------ by key

    def _parents(self, step: ReadyStep) -> list[Any]:
        rows = walk(self.rows[step.base], step.descents)
        for base, ways in step.also:
            rows = rows + walk(self.rows[base], ways)
        return rows

    async def _by_key(self, index: int, step: ReadyStep) -> None:
        gathered = gather(self._parents(step), step.key_of, step.convert, step.single)
        self.parents[index] = gathered.parents
        found: Found = gathered.known
        if any(v is not None for v in found.values()):
            self.faulty = True
        if gathered.asked:
            self.request.tally.deduped += len(gathered.keys) - len(gathered.asked)
            chunks = step.prepared.calls(gathered.wire, self.variables, self.request, step.verify)
            if len(chunks) == 1:
                await self._chunk(index, step, chunks[0], gathered, found)
            else:
                width = min(step.subgraph.per_operation, len(chunks))
                await windowed([self._chunk(index, step, chunk, gathered, found) for chunk in chunks], width)
        if step.replace is not None:
            self._replace(index, step, gathered, found)
        elif step.place(gathered, found):
            self.faulty = True
        if step.complete is not None:
            await self._others(index, step)
            if step.complete(gathered, found):
                self.faulty = True

    def _replace(self, index: int, step: ReadyStep, gathered: Gathered, found: Found) -> None:
        assert step.replace is not None  # only called then
        holders = walk(self.rows[step.base], step.holders)
        self.rows[index], faulty = step.replace(holders, gathered, found)
        self.faulty = self.faulty or faulty

    async def _chunk(self, index: int, step: ReadyStep, chunk: Chunk, gathered: Gathered, found: Found) -> None:
        reply = await self._send(step, chunk)
        value = reply if isinstance(reply, GatewayError) else self._read(step, chunk, reply)
        keys = [gathered.asked[i] for i in chunk.keys]
        if len(keys) > 1:
            self.request.tally.batched += 1
        if isinstance(value, GatewayError):
            found.update(dict.fromkeys(keys, value))
            return
        rows = self._match(step, keys, value, found)
        self.rows[index] = self.rows[index] + rows if self.rows[index] else rows
        if step.prepared.following is not None:
            await self._pages(index, step, chunk.call, reply, keys, found)

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
            values = [value.get(f"_{i}") if isinstance(value, dict) else None for i in range(len(keys))]
        else:
            values = [value]
        found.update(zip(keys, values, strict=True))
        return flatten(values, self._classes)

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
        for key in keys:
            row = by.get(key if step.same_key else str(key), fault)
            found[key] = [] if row is None and entry.many else row
        return [row for row in rows if row.__class__ in self._classes]

    # ------------------------------------------------------------ one call

    async def _send(self, step: ReadyStep, chunk: Chunk) -> Reply | GatewayError:
        if chunk.refused is not None:
            return self._failed(chunk.refused, step, chunk)
        began = self.clock()
        try:
            reply = await step.subgraph.send(chunk.call)
        except SourceError as error:
            self.exchanges.append(Exchange(step, chunk.call, len(chunk.keys), began, self.clock(), error))
            return self._failed(error, step, chunk)
        self.exchanges.append(Exchange(step, chunk.call, len(chunk.keys), began, self.clock(), reply))
        self._note(step, reply)
        return reply

    def _note(self, step: ReadyStep, reply: Reply) -> None:
        """What using this reply means for the whole answer."""
        freshness = reply.freshness
        self.expires = min(self.expires, freshness.expires)
        self.private = self.private or freshness.private
        if "deprecation" in reply.headers or "sunset" in reply.headers:
            self.announced = True
        if reply.stale_cause is not None:
            path = tuple(hop.key for hop in step.step.path) + ((step.step.into,) if step.step.into else ())
            self.stale.append(
                Stale(step.subgraph.name, path, freshness.age, freshness.expires, reply.stale_cause, reply.stale_status)
            )

    def _failed(self, error: SourceError, step: ReadyStep, chunk: Chunk) -> SourceError:
        self.faulty = True
        error.service = error.service or step.subgraph.name
        error.operation = error.operation or chunk.call.operation
        return error

    def _read(self, step: ReadyStep, chunk: Chunk, reply: Reply) -> Any:
        if step.absent(reply):
            return None if step.nullable else self._failed(_not_found(reply), step, chunk)
        sink = Sink(step.subgraph.name, chunk.call.operation, reply.status)
        try:
            value = step.rows(reply, sink)
        except SourceError as error:
            return self._failed(error, step, chunk)
        if sink.faulty:
            self.faulty = True
        if sink.loose:
            self.loose += sink.loose.values()
        return value


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


def _not_found(reply: Reply) -> UpstreamNotFound:
    error = UpstreamNotFound(f"has nothing under this address (it answered {reply.status})", error_type=str(reply.status))
    error.status = reply.status
    return error


# ---------------------------------------------------------------- waiting


async def side_by_side(branches: Sequence[Coroutine[Any, Any, None]]) -> None:
    """All at once, the last one inline: it costs one task less. When this is cancelled, so are they."""
    tasks = [asyncio.ensure_future(branch) for branch in branches[:-1]]
    try:
        await branches[-1]
        for task in tasks:
            await task
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def windowed(work: Iterable[Coroutine[Any, Any, None]], width: int) -> None:
    """At most `width` at a time: a request's own fan-out waits here, never in the source's queue."""
    waiting = iter(work)

    async def worker() -> None:
        for item in waiting:
            await item

    try:
        await side_by_side([worker() for _ in range(width)])
    finally:
        for item in waiting:
            item.close()
