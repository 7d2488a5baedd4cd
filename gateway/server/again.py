"""The same bytes again. Clients send the same few requests over and over, down to the last byte: what such a request asks for
need not be read, parsed and looked up anew.

What is remembered is never an answer, only the question: the answer is that of the engine's own store, or of an execution under
way, which both tell callers apart. A question is remembered by all its bytes, every header included, and only where nothing but
them decides what it is (no rights, rates, tokens or shares of traffic). All else takes the ordinary way.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace
from starlette.types import Scope

from gateway.engine import Answer, Asked
from gateway.engine.recalled import Landings, Recalled
from gateway.engine.store import Lru
from gateway.execution.run import Outcome
from gateway.server.house import Engine, House
from gateway.server.negotiation import Media
from gateway.server.reply import head_of
from gateway.upstream.call import Request, Tally

if TYPE_CHECKING:
    from gateway.server.graphql import GraphQL

LONGEST = 8 * 1024
"""Bytes of a request that is remembered."""
QUESTIONS = 1_000
BYTES = 4 * 1024 * 1024
REMEMBER = "gateway.remember"
"""Where a connection offers, in the ASGI scope, to remember what its request asks for."""
PLAIN = frozenset(
    {
        *(b"host", b"content-type", b"content-length", b"accept", b"user-agent", b"accept-language", b"authorization", b"cookie"),
        *(b"origin", b"referer", b"x-request-id", b"x-correlation-id"),
        *(b"apollographql-client-name", b"apollographql-client-version"),
    }
)
"""The only header fields with which a request is remembered: none of them is about the connection, the coding of the answer, the
time it may take, or a trace. Whatever sources are sent of them is part of the question."""


class Memory:
    """Questions by the bytes of their requests. What came but once is not worth it."""

    def __init__(self) -> None:
        self._known: Lru[bytes, Question] = Lru(QUESTIONS, BYTES)
        self._seen: set[int] = set()
        self._seen_before: set[int] = set()

    def question(self, raw: bytes) -> Question | None:
        return self._known.get(raw)

    def offer(self, raw: bytes) -> Callable[[Question], None] | None:
        """To be called with what these bytes ask for; None: they came for the first time."""
        if len(raw) > LONGEST:
            return None
        mark = hash(raw)
        if mark in self._seen or mark in self._seen_before:
            return lambda question: self._known.put(raw, question, len(raw))
        self._seen.add(mark)
        if len(self._seen) >= QUESTIONS:
            self._seen, self._seen_before = set(), self._seen
        return None


class Question:
    """What a request asks for. `stands` says whether it still does."""

    __slots__ = ("_asked", "_door", "_engine", "_house", "_media", "_new_id", "_recalled", "_scope", "_type", "beginning")

    def __init__(
        self,
        door: GraphQL,
        house: House,
        engine: Engine,
        recalled: Recalled,
        asked: Asked,
        media: Media,
        scope: Scope,
    ) -> None:
        """`scope`: of the first request that asked it."""
        self._door = door
        self._house = house
        self._engine = engine
        self._media = media
        self.beginning = False
        self._type = (b"content-type", media.value)
        self._recalled = recalled
        self._asked = asked
        self._scope = {name: scope.get(name) for name in ("method", "scheme", "headers", "http_version")}
        self._new_id = (b"x-request-id", asked.request.id.encode("ascii")) not in scope["headers"]

    def stands(self, house: House) -> bool:
        return house is self._house and house.engine is self._engine and not house.draining

    def come(self, began: float) -> Coming:
        """Somebody has asked it; `began` on the `time.monotonic` clock."""
        first = self._asked.request
        request = Request(
            self._door.new_id() if self._new_id else first.id,
            first.headers,
            correlation_id=first.correlation_id,
            tally=Tally(limit=first.tally.limit),
        )
        if (watch := self._door.front.watch) is not None:
            request = watch.begin(request, held=True)
        return Coming(self, replace(self._asked, request=request), began)

    def begins(self, loop: AbstractEventLoop) -> None:
        """Somebody takes the ordinary way with it, by a task that runs next. Who comes before that waits for it."""
        self.beginning = True
        loop.call_soon(self._begun)

    def _begun(self) -> None:
        self.beginning = False

    def is_kept(self) -> bool:
        return self._engine.is_kept(self._recalled)

    def kept(self, coming: Coming) -> Answer | None:
        return self._engine.kept(self._recalled, coming.asked)

    def landing(self) -> Landings | None:
        return self._engine.landing(self._recalled)

    def landed(self, outcome: Outcome, coming: Coming) -> Answer:
        return self._engine.landed(self._recalled, outcome, coming.asked)

    def told(self, answer: Answer, coming: Coming, more: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes] | None:
        """Head and body. `more`: headers the server adds to all. None: the head could not be sent as it is."""
        status, about = self._door.head(answer, self._media, coming.asked.request)
        length = (b"content-length", b"%d" % len(answer.body))
        head = head_of(status, [*more, self._type, length, *about])
        if head is None:
            return None
        if (watch := self._door.front.watch) is not None:
            watch.came()
            watch.answered(self._scope, coming.asked.request, status, coming.began)
        return head, answer.body

    def gone(self, coming: Coming) -> None:
        """Its caller went before there was an answer."""
        if (watch := self._door.front.watch) is not None:
            watch.came()
            watch.answered(self._scope, coming.asked.request, 0, coming.began)


class Coming(msgspec.Struct, frozen=True):
    """One caller with a question."""

    question: Question
    asked: Asked
    began: float
    """`time.monotonic` clock."""
