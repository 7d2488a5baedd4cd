"""The GraphQL endpoint: a raw ASGI application for plain JSON queries, which is nearly all there ever is.

A page or a stream is handed on before anything is parsed. What comes back from the engine is bytes; the door adds only
a status and headers, and makes no Request or Response object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic, time

from msgspec.structs import replace
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.engine import Answer, Asked
from gateway.errors import MethodNotAllowed, RequestError
from gateway.server import refusal
from gateway.server.admission import admission, charge, key_of
from gateway.server.again import PLAIN, REMEMBER, Question
from gateway.server.body import Disconnected, read_body, replayed
from gateway.server.caching import cache_control, still_valid, storable, tags, validators
from gateway.server.caller import fields, new_request_id, request_of, time_for_sources
from gateway.server.house import Engine, Fields, Front, House
from gateway.server.negotiation import Media, Streamed, check_request_media, response_media, streamed
from gateway.server.params import Params, batch_of, check_variables, from_body, from_query_string
from gateway.server.reply import NO_STORE, RawHeaders, identity, reply
from gateway.server.streaming import stream
from gateway.upstream.call import Request, Tally

REQUEST_KEY = "gateway.request"
"""Where the caller's `Request` stands in the ASGI scope, for whoever answers in place of this endpoint."""


class GraphQL:
    """`/graphql` as GraphQL over HTTP describes it."""

    def __init__(
        self,
        house: House,
        elsewhere: dict[Media, ASGIApp],
        front: Front = Front(),
        *,
        new_id: Callable[[], str] = new_request_id,
        clock: Callable[[], float] = monotonic,
        now: Callable[[], float] = time,
    ) -> None:
        self._house = house
        self._elsewhere = elsewhere
        self.front = front
        self._admit = admission(front)
        self.new_id = new_id
        self._clock = clock
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = fields(scope["headers"])
        request = self._request(headers)
        scope[REQUEST_KEY] = request
        media, method = Media.JSON, scope["method"]
        about: RawHeaders = ()
        try:
            media = response_media(headers.get(b"accept"), page=self.front.page and method != "POST")
            if self._admit is not None and media is not Media.PAGE:
                request, about = await self._admit(scope, headers, request)
                scope[REQUEST_KEY] = request
            body = await self._body(method, headers, receive)
            if media in self._elsewhere:
                await self._elsewhere[media](scope, replayed(body, receive), send)
                return
            engine = self._house.engine
            if engine is None:
                await refusal.not_ready(send, request, self._house, media)
                return
            if self.front.batch and method == "POST" and (bodies := batch_of(body, self.front.batch)) is not None:
                if self.front.rate is not None and len(bodies) > 1:
                    about = await charge(self.front.rate, key_of(scope, headers, request, self.front.rate), len(bodies) - 1)
                await self._tell_all(send, await self._all(bodies, engine, scope, request), media, request, about)
                return
            takes = streamed(headers.get(b"accept"))
            asked = self._asked(self._params(method, body, scope), request, method, takes)
        except Disconnected:
            return
        except RequestError as error:
            await refusal.refuse(send, error, request, self._house, media, about)
            return
        answer = await engine.answer(asked)
        if takes is not None and (answer.parts is not None or media is Media.STREAM):
            await stream(send, takes.frame, answer, (*identity(request), *about))
        else:
            if (remember := scope.get(REMEMBER)) is not None and self._may_come_again(scope, headers, media, answer):
                self._remember(remember, engine, asked, media, scope)
            await self._tell(send, answer, media, request, headers, method != "POST", about)

    def _request(self, headers: Fields) -> Request:
        limits = self._house.limits
        deadline = self._clock() + time_for_sources(headers, limits.deadline)
        request = request_of(headers, deadline=deadline, calls_total=limits.upstream_calls_total, new_id=self.new_id)
        return request if self.front.watch is None else self.front.watch.begin(request, held=True)

    async def _body(self, method: str, headers: Fields, receive: Receive) -> bytes:
        if method == "POST":
            check_request_media(headers.get(b"content-type"), headers.get(b"content-encoding"))
            return await read_body(receive, headers.get(b"content-length"), self._house.limits.body)
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Send the query with POST or GET.")
        return b""

    def _params(self, method: str, body: bytes, scope: Scope) -> Params:
        """Raises `BadUserInput`, or `LimitExceeded` for variables."""
        query = self.front.documents is None
        params = from_body(body, query=query) if method == "POST" else from_query_string(scope["query_string"], query=query)
        longest = self._house.limits.variables
        if len(body) > longest or len(scope["query_string"]) > longest:
            check_variables(params, longest)
        if by_path := scope.get("path_params"):
            params = replace(params, document_id=by_path["id"], query="", extensions=None)
        return params

    def _asked(self, params: Params, request: Request, method: str, takes: Streamed | None = None) -> Asked:
        documents = self.front.documents
        text = params.query if documents is None else documents.text(params)
        on_error = params.on_error.lower() if params.on_error else None
        form = takes.form if takes is not None else None
        return Asked(text, request, params.variables or {}, params.operation_name, method != "POST", on_error=on_error, form=form)

    # ------------------------------------------------------------ several in one body

    async def _all(self, bodies: Sequence[bytes], engine: Engine, scope: Scope, request: Request) -> list[bytes]:
        """One answer for each, in their order. Each has its own upstream calls, and has counted for its caller's rate."""

        async def one(body: bytes) -> bytes:
            own = replace(request, tally=Tally(limit=request.tally.limit))
            try:
                asked = self._asked(self._params("POST", body, scope), own, "POST")
            except RequestError as error:
                return refusal.body([refusal.entry(error, own, self._house)])
            return (await engine.answer(asked)).body

        return await asyncio.gather(*map(one, bodies))

    async def _tell_all(self, send: Send, bodies: Sequence[bytes], media: Media, request: Request, more: RawHeaders) -> None:
        kind = media.value if media is Media.JSON else Media.JSON.value
        await reply(send, 200, kind, b"[" + b",".join(bodies) + b"]", (*identity(request), NO_STORE, *more))

    # ------------------------------------------------------------ one

    def head(self, answer: Answer, media: Media, request: Request) -> tuple[int, RawHeaders]:
        """Status and headers of an answer to a POST, beside what describes its body."""
        seconds = storable(answer, self._now())
        about = (
            *identity(request),
            cache_control(seconds, private=answer.private or self.front.known_only),
            (b"x-upstream-calls", b"%d" % answer.calls),
            *answer.headers,
        )
        return self._status(answer, media), about

    def _may_come_again(self, scope: Scope, headers: Fields, media: Media, answer: Answer) -> bool:
        """Nothing but the bytes of this request decides what it asks for, and what is asked is worth remembering."""
        front, once = self.front, len(headers) == len(scope["headers"])
        plain = scope["method"] == "POST" and scope["http_version"] == "1.1" and not scope.get("path_params")
        alone = self._admit is None and front.cors is None and (front.documents is None or front.documents.fixed)
        return plain and alone and once and PLAIN.issuperset(headers) and media is not Media.STREAM and not answer.has_errors

    def _remember(
        self, remember: Callable[[Question], None], engine: Engine, asked: Asked, media: Media, scope: Scope
    ) -> None:  # fmt: skip
        if asked.form is None and (recalled := engine.recalled(asked)) is not None:
            remember(Question(self, self._house, engine, recalled, asked, media, scope))

    async def _tell(
        self, send: Send, answer: Answer, media: Media, request: Request, headers: Fields, got: bool, more: RawHeaders
    ) -> None:
        """An answer that may be stored carries a validator when it came by GET, and is not sent again to who has it."""
        seconds = storable(answer, self._now())
        private = answer.private or self.front.known_only
        about: RawHeaders = (
            *identity(request),
            cache_control(seconds, private=private),
            (b"x-upstream-calls", b"%d" % answer.calls),
            *answer.headers,
            *more,
        )
        if answer.status == 405:
            about += (refusal.ALLOW,)
        if got and seconds:
            about += validators(answer, self.front.known_by, private=private)
            about += tags(answer, self.front.tag_headers)
            if still_valid(headers.get(b"if-none-match"), about):
                await send({"type": "http.response.start", "status": 304, "headers": about})
                await send({"type": "http.response.body", "body": b""})
                return
        await reply(send, self._status(answer, media), media.value, answer.body, about)

    def _status(self, answer: Answer, media: Media) -> int:
        """In plain `application/json` a request error has status 200: the body tells. A refused write keeps its status."""
        if media is Media.JSON:
            return 200 if answer.status in (400, 503, 504) and not answer.refused else answer.status
        return self.front.partial_success if answer.has_errors and answer.status == 200 else answer.status
