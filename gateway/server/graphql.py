"""The GraphQL endpoint: a raw ASGI application for plain JSON queries, which is nearly all there ever is.

A page or a stream is handed on before anything is parsed. What comes back from the engine is bytes; the door adds only
a status and headers, and makes no Request or Response object.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time

from msgspec.structs import replace
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.engine import Answer, Asked
from gateway.errors import MethodNotAllowed, RequestError
from gateway.server import refusal
from gateway.server.body import Disconnected, read_body, replayed
from gateway.server.caching import cache_control, still_valid, storable, validators
from gateway.server.caller import fields, new_request_id, request_of
from gateway.server.house import Fields, Front, House
from gateway.server.negotiation import Media, check_request_media, response_media
from gateway.server.params import from_body, from_query_string
from gateway.server.reply import RawHeaders, identity, reply
from gateway.upstream.call import Request

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
        self._front = front
        self._new_id = new_id
        self._clock = clock
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = fields(scope["headers"])
        request = self._request(headers)
        scope[REQUEST_KEY] = request
        media, method = Media.JSON, scope["method"]
        try:
            media = response_media(headers.get(b"accept"), page=method != "POST")
            if self._front.identify is not None and media is not Media.PAGE:
                request = scope[REQUEST_KEY] = replace(request, caller=await self._front.identify(headers))
            body = await self._body(method, headers, receive)
            if media in self._elsewhere:
                await self._elsewhere[media](scope, replayed(body, receive), send)
                return
            params = from_body(body) if method == "POST" else from_query_string(scope["query_string"])
        except Disconnected:
            return
        except RequestError as error:
            await refusal.refuse(send, error, request, self._house, media)
            return
        engine = self._house.engine
        if engine is None:
            await refusal.not_ready(send, request, self._house, media)
            return
        asked = Asked(params.query, request, params.variables or {}, params.operation_name, method != "POST")
        answer = await engine.answer(asked)
        await self._tell(send, answer, media, request, headers, method != "POST")

    def _request(self, headers: Fields) -> Request:
        limits = self._house.limits
        deadline = self._clock() + limits.deadline
        return request_of(headers, deadline=deadline, calls_total=limits.upstream_calls_total, new_id=self._new_id)

    async def _body(self, method: str, headers: Fields, receive: Receive) -> bytes:
        if self._house.draining:
            raise refusal.draining()
        if method == "POST":
            check_request_media(headers.get(b"content-type"), headers.get(b"content-encoding"))
            return await read_body(receive, headers.get(b"content-length"), self._house.limits.body)
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Send the query with POST or GET.")
        return b""

    async def _tell(self, send: Send, answer: Answer, media: Media, request: Request, headers: Fields, got: bool) -> None:
        """An answer that may be stored carries a validator when it came by GET, and is not sent again to who has it."""
        seconds = storable(answer, self._now())
        about: RawHeaders = (
            *identity(request),
            cache_control(answer, seconds),
            (b"x-upstream-calls", b"%d" % answer.calls),
            *answer.headers,
        )
        if answer.status == 405:
            about += (refusal.ALLOW,)
        if got and seconds:
            about += validators(answer)
            if still_valid(headers.get(b"if-none-match"), about):
                await send({"type": "http.response.start", "status": 304, "headers": about})
                await send({"type": "http.response.body", "body": b""})
                return
        await reply(send, _status(answer, media), media.value, answer.body, about)


def _status(answer: Answer, media: Media) -> int:
    """In plain `application/json` a request error has status 200: the body tells. A refused write keeps its status."""
    return 200 if media is Media.JSON and answer.status == 400 and not answer.refused else answer.status
