"""Both websocket protocols, by Strawberry's view.

The view speaks the protocols; what it asks, it asks an object that looks like a Strawberry schema and hands everything
to the engine. The only door to `strawberry` for HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Any, NoReturn

import msgspec
from graphql import GraphQLError
from graphql.error import GraphQLFormattedError
from msgspec.structs import replace
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.schema.base import BaseSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from gateway.engine import Answer, Asked, Form
from gateway.errors import LimitExceeded, RequestError
from gateway.server import refusal
from gateway.server.admission import charge, key_of
from gateway.server.caller import fields, new_request_id, request_of
from gateway.server.house import Fields, Front, House, LiveRules
from gateway.server.negotiation import streamed
from gateway.server.params import check_variables, from_given
from gateway.upstream.call import Request

PROTOCOLS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL)
LOOK = 1.0
"""Seconds between two looks at a connection that may be idle."""
IDLE, RESTART = 1000, 1012
"""Close codes (RFC 6455, section 7.4.1, and its registry): clients connect again when they need to."""


CALLER = "gateway.caller"
"""Where the connection's `Caller` stands in its scope."""


class EngineError(GraphQLError):
    """An entry of `errors` as the engine wrote it, passed on unchanged."""

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__(entry["message"], path=entry.get("path"), extensions=entry.get("extensions"))
        self._entry = entry

    @property
    def formatted(self) -> GraphQLFormattedError:
        return self._entry  # type: ignore[return-value]  # the same members, decoded from the engine's bytes


class Told(msgspec.Struct, frozen=True):
    """In place of `data`: a payload that is passed on as it is."""

    payload: dict[str, Any]


class InParts(BaseGraphQLTransportWSHandler[Any, Any]):
    """The protocol of today, whose messages may carry the parts of an answer."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.context.in_parts = True

    async def send_message(self, message: Any) -> None:
        payload = message.get("payload")
        if isinstance(payload, dict) and isinstance(payload.get("data"), Told):
            message = {**message, "payload": payload["data"].payload}
        await super().send_message(message)


class Caller(msgspec.Struct):
    """The view's context: makes the `Request` of each operation of one connection."""

    request: Callable[[Any], Awaitable[Request]]
    connection_params: Any = None
    """What a websocket's client said when it opened it: a browser can say who it is nowhere else."""
    in_parts: bool = False
    """Its protocol has messages for the parts of an answer."""
    open: int = 0
    """Operations."""
    since: float = 0.0
    """When the last one ended, on the `time.monotonic` clock."""


class EngineSchema(BaseSchema):
    """What the view takes for a schema. Only what the view calls exists."""

    config = StrawberryConfig()
    schema_directives: list[object] = []  # noqa: RUF012  declared so by the seam, and never changed
    exception_handlers = ()
    schema_converter = None  # type: ignore[assignment]  # for schemas of Python classes
    query = None  # type: ignore[assignment]  # likewise
    mutation = None
    subscription = None

    def __init__(self, house: House, front: Front) -> None:
        self._house = house
        self._front = front
        self._most = (front.live or LiveRules()).per_connection

    async def execute(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,  # noqa: ARG002  part of the seam
        operation_name: str | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,  # noqa: ARG002  the engine refuses by itself
        operation_extensions: dict[str, Any] | None = None,
    ) -> ExecutionResult:
        assert isinstance(context_value, Caller)
        answer = await self._answer(context_value, query, variable_values, operation_name, operation_extensions)
        return answer if isinstance(answer, ExecutionResult) else _result(msgspec.json.decode(answer.body))

    async def _answer(
        self, caller: Caller, query: Any, variables: Any, operation_name: Any, extensions: Any
    ) -> Answer | ExecutionResult:
        try:
            request = await caller.request(caller.connection_params)
        except RequestError as error:
            return _failed([refusal.entry(error, Request(new_request_id()), self._house)])
        engine = self._house.engine
        if self._house.draining:
            return _failed([refusal.entry(refusal.draining(), request, self._house)])
        if engine is None:
            return _failed(refusal.waiting(request, self._house))
        try:
            params = from_given(query, operation_name, variables, extensions)
            check_variables(params, self._house.limits.variables)
            documents = self._front.documents
            text = params.query if documents is None else documents.text(params)
        except RequestError as error:
            return _failed([refusal.entry(error, request, self._house)])
        form = self._form(caller, request)
        return await engine.answer(Asked(text, request, params.variables or {}, params.operation_name, form=form))

    def _form(self, caller: Caller, request: Request) -> Form:
        """As over HTTP the `Accept` of the opening, or of `connection_init`, says in what form the parts of an answer come."""
        wanted = streamed(request.headers.get("accept", "").encode("latin-1", "replace")) if caller.in_parts else None
        return wanted.form if wanted is not None else Form.WHOLE

    async def stream(  # type: ignore[override]  # what the view hands over, and no more
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,  # noqa: ARG002  part of the seam
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        **_: Any,
    ) -> AsyncGenerator[PreExecutionError | ExecutionResult, None]:
        """One answer or many, then the end."""
        assert isinstance(context_value, Caller)
        return self._told(context_value, query, variable_values, operation_name, operation_extensions)

    subscribe = stream

    async def _told(self, caller: Caller, *given: Any) -> AsyncGenerator[ExecutionResult, None]:
        if caller.open >= (most := self._most):
            said = f"At most {most} operations may be open on one connection; end one of them, or open another connection."
            error = LimitExceeded(said, which="operations", limit=most, actual=caller.open + 1)
            yield _failed([refusal.entry(error, Request(new_request_id()), self._house)])
            return
        caller.open += 1
        try:
            answer = await self._answer(caller, *given)
            if isinstance(answer, ExecutionResult):
                yield answer
            elif answer.parts is None:
                yield _result(msgspec.json.decode(answer.body))
            else:
                async with aclosing(answer.parts) as payloads:
                    async for payload in payloads:
                        yield _result(msgspec.json.decode(payload))
        finally:
            caller.open -= 1
            caller.since = monotonic()

    def execute_sync(self, *_: Any, **__: Any) -> NoReturn:
        raise NotImplementedError("the view is asynchronous")

    def get_type_by_name(self, name: str) -> NoReturn:
        raise NotImplementedError(name)

    def get_directive_by_name(self, graphql_name: str) -> NoReturn:
        raise NotImplementedError(graphql_name)

    def as_str(self) -> NoReturn:
        raise NotImplementedError("the schema is printed by `gateway schema`")


def _failed(entries: list[dict[str, Any]]) -> ExecutionResult:
    return PreExecutionError(None, [EngineError(each) for each in entries])


def _result(answer: dict[str, Any]) -> ExecutionResult:
    """An answer without `data` is a request error, which the protocols tell differently from a partial answer."""
    if "hasNext" in answer:
        return ExecutionResult(Told(answer), None)  # type: ignore[arg-type]  # see `InParts`
    if "data" not in answer:
        return _failed(answer["errors"])
    errors: list[GraphQLError] = [EngineError(each) for each in answer.get("errors", ())]
    return ExecutionResult(answer["data"], errors or None, answer.get("extensions"))


class Streams(GraphQL[Caller, None]):
    """The view, with a context that makes our `Request`."""

    graphql_transport_ws_handler_class = InParts

    def __init__(self, house: House, front: Front = Front(), *, clock: Callable[[], float] = monotonic) -> None:
        live = front.live or LiveRules()
        super().__init__(
            EngineSchema(house, front),
            graphql_ide=None,
            subscription_protocols=PROTOCOLS,
            connection_init_wait_timeout=timedelta(seconds=live.init_timeout),
            allowed_origins=[origin.decode("latin-1") for origin in front.cors.origins] if front.cors else (),
        )
        self._house = house
        self._idle = live.idle
        self._front = front
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        scope[CALLER] = caller = Caller(partial(self._made, scope), since=self._clock())
        watching = asyncio.ensure_future(self._watched(socket, caller))
        try:
            await self.run(socket)
        finally:
            watching.cancel()

    async def _watched(self, socket: WebSocket, caller: Caller) -> None:
        """Ends a connection on which nothing is open: for long, or while another house has taken the place of this one."""
        with suppress(RuntimeError, WebSocketDisconnect):
            while True:
                await asyncio.sleep(min(LOOK, self._idle / 4))
                if caller.open or socket.application_state is not WebSocketState.CONNECTED:
                    continue
                if self._house.draining:
                    await socket.close(RESTART, "the gateway is shutting down")
                elif self._clock() - caller.since > self._idle:
                    await socket.close(IDLE, "idle")

    async def get_context(self, request: HttpRequest | WebSocket, response: Response | WebSocket) -> Caller:  # noqa: ARG002  part of the seam
        caller: Caller = request.scope[CALLER]
        return caller

    async def _made(self, scope: Scope, params: Any) -> Request:
        """One of many on a websocket. Raises what identifying its caller raises."""
        headers, limits = _with_params(fields(scope["headers"]), params), self._house.limits
        request = request_of(headers, deadline=self._clock() + limits.deadline, calls_total=limits.upstream_calls_total)
        if self._front.identify is not None:
            request = replace(request, caller=await self._front.identify(headers))
        if self._front.rate is not None:
            await charge(self._front.rate, key_of(scope, headers, request, self._front.rate))
        return request if self._front.watch is None else self._front.watch.begin(request, held=False)


def _with_params(headers: Fields, params: Any) -> Fields:
    """Header fields, with what of them the client could only say in its `connection_init`. Those that were sent stand."""
    given = params.items() if isinstance(params, dict) else ()
    said = {
        name.lower().encode("latin-1", "replace"): value.encode("latin-1", "replace")
        for name, value in given
        if isinstance(name, str) and isinstance(value, str)
    }
    return {**said, **headers} if said else headers
