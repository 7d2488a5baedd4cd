"""Both websocket protocols, by Strawberry's view.

The view speaks the protocols; what it asks, it asks an object that looks like a Strawberry schema and hands everything
to the engine. The only door to `strawberry` for HTTP.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
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
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.schema.base import BaseSchema
from strawberry.schema.config import StrawberryConfig
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from gateway.engine import Asked
from gateway.errors import RequestError
from gateway.server import refusal
from gateway.server.admission import charge, key_of
from gateway.server.caller import fields, new_request_id, request_of
from gateway.server.house import Fields, Front, House
from gateway.server.params import check_variables, from_given
from gateway.upstream.call import Request

PROTOCOLS = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL)
INIT_WAIT = timedelta(seconds=10)
"""How long a websocket may stay open without saying who it is."""
OPERATIONS = 100
"""Open at once on one websocket."""


class EngineError(GraphQLError):
    """An entry of `errors` as the engine wrote it, passed on unchanged."""

    def __init__(self, entry: dict[str, Any]) -> None:
        super().__init__(entry["message"], path=entry.get("path"), extensions=entry.get("extensions"))
        self._entry = entry

    @property
    def formatted(self) -> GraphQLFormattedError:
        return self._entry  # type: ignore[return-value]  # the same members, decoded from the engine's bytes


class Caller(msgspec.Struct):
    """The view's context: makes the `Request` of each operation of one connection."""

    request: Callable[[Any], Awaitable[Request]]
    connection_params: Any = None
    """What a websocket's client said when it opened it: a browser can say who it is nowhere else."""


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
        try:
            request = await context_value.request(context_value.connection_params)
        except RequestError as error:
            return _failed([refusal.entry(error, Request(new_request_id()), self._house)])
        engine = self._house.engine
        if self._house.draining:
            return _failed([refusal.entry(refusal.draining(), request, self._house)])
        if engine is None:
            return _failed(refusal.waiting(request, self._house))
        try:
            params = from_given(query, operation_name, variable_values, operation_extensions)
            check_variables(params, self._house.limits.variables)
            documents = self._front.documents
            text = params.query if documents is None else documents.text(params)
        except RequestError as error:
            return _failed([refusal.entry(error, request, self._house)])
        answer = await engine.answer(Asked(text, request, params.variables or {}, params.operation_name))
        return _result(msgspec.json.decode(answer.body))

    async def stream(self, *given: Any, **named: Any) -> AsyncGenerator[PreExecutionError | ExecutionResult, None]:
        """One answer, then the end: the gateway has no operation yet that answers more than once."""
        return self._once(await self.execute(*given, **named))

    subscribe = stream

    async def _once(self, result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
        yield result

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
    if "data" not in answer:
        return _failed(answer["errors"])
    errors: list[GraphQLError] = [EngineError(each) for each in answer.get("errors", ())]
    return ExecutionResult(answer["data"], errors or None, answer.get("extensions"))


class Streams(GraphQL[Caller, None]):
    """The view, with a context that makes our `Request`."""

    def __init__(self, house: House, front: Front = Front(), *, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(
            EngineSchema(house, front),
            graphql_ide=None,
            subscription_protocols=PROTOCOLS,
            connection_init_wait_timeout=INIT_WAIT,
            max_subscriptions_per_connection=OPERATIONS,
        )
        self._house = house
        self._front = front
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.run(WebSocket(scope, receive, send))

    async def get_context(self, request: HttpRequest | WebSocket, response: Response | WebSocket) -> Caller:  # noqa: ARG002  part of the seam
        return Caller(partial(self._made, request.scope))

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
