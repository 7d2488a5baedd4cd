"""The connection itself: what a client may cost before it has said anything that could be answered.

uvicorn's HTTP protocol bounds neither the head of a request nor the time it may take to arrive, does not tell the
application's task that its caller has gone, and answers what is not HTTP in plain text. This subclass does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from heapq import nsmallest
from math import inf
from operator import itemgetter
from time import monotonic
from typing import Any, ClassVar, cast

from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from gateway.engine import Answer
from gateway.engine.recalled import Landings
from gateway.errors import BadUserInput, HeadersTooLarge, ReadTimedOut, RequestError, TooManyConnections
from gateway.server import refusal
from gateway.server.again import REMEMBER, Coming, Memory, Question
from gateway.server.caller import new_request_id
from gateway.server.house import House
from gateway.server.reply import head_of
from gateway.upstream.call import Request

MOMENT = 0.25
"""Seconds a request may take to arrive when the gateway leaves."""
NEARLY = 0.9
"""Part of all connections from which on those that wait for their clients are closed."""


class Stuck:
    """How long a client has taken nothing of what is there for it, as seen now and then."""

    __slots__ = ("_from",)

    def __init__(self) -> None:
        self._from = inf

    def since(self, paused: bool, now: float) -> float:
        """Seconds; 0 while it takes what comes."""
        self._from = min(self._from, now) if paused else inf
        return now - self._from if paused else 0.0


class Cycle(RequestResponseCycle):
    """One request and its answer. The head waits for the body (as ASGI has it), and an answer in one piece goes out in one write;
    all else is uvicorn's."""

    start: Message | None = None

    async def send(self, message: Message) -> None:  # type: ignore[override]  # other names for ASGI
        if message["type"] == "http.response.start" and not self.response_started:
            self.start = message
            return
        start, self.start = self.start, None
        if start is not None:
            if not message.get("more_body", False) and self._is_sent(start, message.get("body", b"")):
                return
            await super().send(start)  # type: ignore[arg-type]  # likewise
        await super().send(message)  # type: ignore[arg-type]  # likewise

    def _is_sent(self, start: Message, body: bytes) -> bool:
        busy = self.disconnected or self.flow.write_paused
        if busy or not self.keep_alive or self.access_log or self.scope["method"] == "HEAD":
            return False
        fields = [*self.default_headers, *start["headers"]]
        names = [name for name, _ in fields]
        if (b"content-length", b"%d" % len(body)) not in fields or names.count(b"content-length") > 1 or b"connection" in names:
            return False
        head = head_of(start["status"], fields)
        if head is None:
            return False
        self.waiting_for_100_continue = False
        self.response_started = self.response_complete = True
        self.transport.writelines((head, body))
        self.message_event.set()
        self.on_response()
        return True


class Wire(HttpToolsProtocol):
    """One client connection; `house`, `most` and `memory` are set by `wire`. Times are on the loop's clock, in seconds."""

    house: ClassVar[House]
    most: ClassVar[int]
    memory: ClassVar[Memory]

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._task: asyncio.Task[None] | None = None
        self._head = 0
        self._in_head = True
        self._since = inf
        """When the request that is arriving began to; inf: none is."""
        self._closing_since = inf
        self._fault: RequestError | None = None
        self._stuck = Stuck()
        self._begun = 0
        self._complete = 0
        """Requests that came by the parser."""
        self._landing: Landings | None = None
        """What the question of this connection waits for, where no task does."""
        self._later = b""
        """What came meanwhile."""
        self._last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) > self.most:
            self._refuse(self._full())
        elif self.house.draining:  # it was made before the listening socket closed, and is known only now
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to answer: the request's task ends here, and with it the waits for its upstream calls."""
        super().connection_lost(exc)
        if self._task is not None:
            self._task.cancel()
        if self._landing is not None:
            self._landing.cancel()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:  # type: ignore[override]  # other names for ASGI
        cycle.__class__ = Cycle  # uvicorn makes them, and asks nobody of what kind
        self._task = self.loop.create_task(cycle.run_asgi(app))  # type: ignore[arg-type]  # likewise
        self._task.add_done_callback(self.tasks.discard)
        self.tasks.add(self._task)

    def data_received(self, data: bytes) -> None:
        """Bounds the head as it arrives: the parser gives a field only once it has all of it."""
        if self._landing is not None:
            self._later += data
            self.flow.pause_reading()
            return
        between = self._in_head and not self._head and (self.cycle is None or self.cycle.response_complete)
        question = self.memory.question(data) if between else None
        if question is not None and self._is_answered(question, data):
            return
        self._parse(data, alone=between)
        if question is not None:
            question.begins(self.loop)

    def _parse(self, data: bytes, *, alone: bool) -> None:
        """`alone`: nothing else is under way on this connection."""
        if self._in_head:
            self._head += len(data)
        begun, complete = self._begun, self._complete
        super().data_received(data)
        if alone and (self._begun, self._complete) == (begun + 1, complete + 1):
            if (remember := self.memory.offer(data)) is not None:
                cast(dict[str, Any], self.scope)[REMEMBER] = remember
        elif self._in_head and self._head > self.house.limits.headers and not self.transport.is_closing():
            self._refuse(self._too_large(self._head))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun += 1
        self._in_head = True
        self._since = self.loop.time()

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._head > self.house.limits.headers:
            size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            if size > self.house.limits.headers:
                self._fault = self._too_large(size)
                raise self._fault
        self._head = 0
        if [name for name, _ in self.headers].count(b"host") != 1 and self.parser.get_http_version() == "1.1":
            self._fault = BadUserInput("A request has one Host header: this one has none, or several.")
            raise self._fault
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._since = inf
        self._in_head = True
        self._complete += 1
        super().on_message_complete()

    # ------------------------------------------------------------ the same bytes again

    def _is_answered(self, question: Question, data: bytes) -> bool:
        """Or is waiting for an answer that is being made. False: it takes the ordinary way."""
        if not question.stands(self.house) or self.flow.write_paused or self.transport.is_closing():
            return False
        began = monotonic()
        if question.is_kept():
            coming = question.come(began)
            return self._is_sent(question.kept(coming), coming)
        landing = question.landing()
        if landing is None and not question.beginning:
            return False
        self._unset_keepalive_if_required()
        self._since = inf
        if landing is not None:
            self._wait(landing, question, began, data)
        else:  # it came in the same moment as another one, whose task has not run yet
            self._landing = self.loop.create_future()
            self.loop.call_soon(self._look_again, question, began, data)
        return True

    def _look_again(self, question: Question, began: float, data: bytes) -> None:
        gone = self._landing is None or self._landing.cancelled()
        landing = question.landing() if not gone else None
        if landing is not None:
            self._wait(landing, question, began, data)
        else:
            self._ask_itself(data, gone=gone)

    def _wait(self, landing: Landings, question: Question, began: float, data: bytes) -> None:
        self._landing = landing
        landing.add_done_callback(partial(self._landed, question, began, data))

    def _landed(self, question: Question, began: float, data: bytes, landing: Landings) -> None:
        """A leader that has gone leaves nothing: then this one asks for itself."""
        self._landing = None
        coming = question.come(began)
        if landing.cancelled() or self.transport.is_closing():
            question.gone(coming)
            return
        landed = landing.result()
        if self._is_sent(question.landed(landed[0], coming) if landed is not None else None, coming):
            self._go_on()
        else:
            self._ask_itself(data)

    def _ask_itself(self, data: bytes, *, gone: bool = False) -> None:
        """The ordinary way after all."""
        self._landing = None
        if not gone and not self.transport.is_closing():
            self._parse(data, alone=True)
            self._go_on()

    def _go_on(self) -> None:
        later, self._later = self._later, b""
        if later:
            self.data_received(later)

    def _is_sent(self, answer: Answer | None, coming: Coming) -> bool:
        told = coming.question.told(answer, coming, self.server_state.default_headers) if answer is not None else None
        if told is None:
            return False
        self._since = inf
        self.transport.writelines(told)
        self.on_response_complete()
        if self._last:
            self.transport.close()
        return True

    def shutdown(self) -> None:
        """Closed when nothing is under way, as uvicorn would; who has just connected, or begun to ask, is given a moment."""
        if self._landing is not None:
            self._last = True
        elif self._since < inf:
            self.loop.call_later(MOMENT, super().shutdown)
        else:
            super().shutdown()

    # ------------------------------------------------------------ what takes too long, or is too much

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's text is replaced by ours
        self._refuse(self._fault or BadUserInput("This is not an HTTP/1.1 request the gateway can read."))

    def tick(self) -> None:
        """Called every second or so: ends what takes too long to arrive, or to be taken."""
        now, patience = self.loop.time(), self.house.limits.deadline
        if self.transport.is_closing():
            self._closing_since = min(self._closing_since, now)
            if now - self._closing_since > patience:
                self.transport.abort()
        elif self._stuck.since(self.flow is not None and self.flow.write_paused, now) > patience:
            self.transport.abort()
        elif now - self._since > patience:
            self._refuse(ReadTimedOut(f"The request did not arrive completely within {patience:g} s."))

    def waiting_since(self) -> float:
        """For its client: for a request, or the rest of one. inf: it is at work."""
        if self.timeout_keep_alive_task is not None:
            return self.timeout_keep_alive_task.when() - self.timeout_keep_alive
        return self._since

    def give_way(self) -> None:
        """A request that is half there is told why."""
        if self._head:
            self._refuse(self._full())
        self.transport.close()

    def _full(self) -> TooManyConnections:
        message = f"The gateway has all the {self.most} connections it may have."
        return TooManyConnections(message, which="connections", limit=self.most, actual=len(self.connections))

    def _too_large(self, size: int) -> HeadersTooLarge:
        limit = self.house.limits.headers
        return HeadersTooLarge(f"The request's head is larger than {limit} bytes.", which="headers", limit=limit, actual=size)

    def _refuse(self, error: RequestError) -> None:
        """Answer and close. In the middle of another answer there is nothing to say that would be understood."""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            request = Request(new_request_id())
            body = refusal.body([refusal.entry(error, request, self.house)])
            head = [STATUS_LINE[error.status], *(b"%s: %s\r\n" % field for field in self.server_state.default_headers)]
            head += [b"content-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n" % len(body)]
            head += [b"retry-after: 1\r\n"] if error.status == 503 else []
            head += [b"x-request-id: %s\r\ncache-control: no-store\r\nconnection: close\r\n\r\n" % request.id.encode("ascii")]
            self.transport.write(b"".join(head) + body)
        self.transport.close()


def wire(house: House, most: int) -> type[Wire]:
    """The protocol class of one house, for at most so many connections at once."""
    return type("HouseWire", (Wire,), {"house": house, "most": most, "memory": Memory()})


def make_room(connections: Collection[object], most: int) -> None:
    """Nearly full: those that wait longest for their clients go, so that who comes next need not be turned away."""
    too_many = len(connections) - int(most * NEARLY)
    if too_many > 0:
        waiting = [(since, each) for each in connections if isinstance(each, Wire) and (since := each.waiting_since()) < inf]
        for _, each in nsmallest(too_many, waiting, key=itemgetter(0)):
            each.give_way()
