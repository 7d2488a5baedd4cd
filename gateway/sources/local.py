"""`kind: local`: a schema in this process, named `python:module:attribute`. Its types by its own SDL, its answers without HTTP.

Only the transport differs from a GraphQL service: operations, envelope, retries, breaker and owner are the same. Resolvers that
block, block the gateway: a schema that reads slow things should do so in `async` resolvers.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from importlib import import_module
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    graphql,
    introspection_types,
    parse,
    print_schema,
    subscribe,
)
from strawberry import Schema

from gateway.config.model.part import Part
from gateway.config.problem import ConfigError, Mark, Problem
from gateway.errors import UpstreamFailed
from gateway.sources.base import Subgraph
from gateway.sources.document import PYTHON, Document
from gateway.sources.graphql import subgraph
from gateway.sources.graphql.prepare import Post
from gateway.sources.report import fault, nearest
from gateway.upstream.call import Call, Reply, Send, Sends, Stream

if TYPE_CHECKING:
    from gateway.config.model import Source

CONTENT = {"content-type": "application/graphql-response+json"}

log = logging.getLogger("gateway.sources")


class Options(Part):
    """A local source has no options of its own."""


class Result(Protocol):
    """What both libraries answer with."""

    @property
    def data(self) -> Any: ...
    @property
    def errors(self) -> list[GraphQLError] | None: ...


class Asked(msgspec.Struct):
    """The body of a call, as `prepare` wrote it."""

    query: str
    variables: dict[str, Any] = {}


Execute = Callable[[Asked, Mapping[str, Any]], Awaitable[Result]]


async def load(source: Source, sends: Sends) -> tuple[Subgraph, ...]:
    """The schema as one subgraph. Raises `ConfigError` when it cannot be imported, or is none."""
    return (await asyncio.to_thread(_load, source, sends),)


def _load(source: Source, sends: Sends) -> Subgraph:
    place = source.schema_.from_
    schema = _found(source, place)
    sdl, execute = _opened(source, schema)
    restore_one_of()
    post = Post(source.url or place, sends.headers)
    stream = sends.stream_around(live(schema)) if sends.stream_around is not None else None
    return subgraph(source, Document(sdl.encode(), place), post, sends.around(in_process(execute)), stream)


def in_process(execute: Execute) -> Send:
    """The transport: runs the operation and answers as a server would. Resolvers find the call's headers in the context."""

    async def send(call: Call) -> Reply:
        try:
            result = await execute(msgspec.json.decode(call.body or b"{}", type=Asked), {"headers": dict(call.headers)})
            return Reply(200, CONTENT, _encoded(result))
        except Exception as error:
            log.exception("the local schema of %s failed", call.url)
            raise UpstreamFailed("raised an error of its own") from error

    return send


def live(schema: Any) -> Stream:
    """The transport of subscriptions."""

    async def stream(call: Call) -> AsyncGenerator[Reply]:
        asked, context = msgspec.json.decode(call.body or b"{}", type=Asked), {"headers": dict(call.headers)}
        try:
            events = await _subscribed(schema, asked, context)
            if not isinstance(events, AsyncIterator):
                yield Reply(200, CONTENT, _encoded(events))
                return
            async for result in events:
                yield Reply(200, CONTENT, _encoded(result))
        except Exception as error:
            log.exception("a subscription of the local schema of %s failed", call.url)
            raise UpstreamFailed("raised an error of its own") from error

    return stream


async def _subscribed(schema: Any, asked: Asked, context: Mapping[str, Any]) -> Any:
    """The events; or one result, where there are none to come."""
    if isinstance(schema, Schema):
        return await schema.subscribe(asked.query, variable_values=asked.variables, context_value=context)
    events = subscribe(schema, parse(asked.query), variable_values=asked.variables, context_value=context)
    return await events if isawaitable(events) else events


def _encoded(result: Result) -> bytes:
    told: dict[str, Any] = {"data": result.data}
    if result.errors:
        told["errors"] = [error.formatted for error in result.errors]
    return msgspec.json.encode(told)


# ---------------------------------------------------------------- the schema behind the name


def _opened(source: Source, schema: object) -> tuple[str, Execute]:
    """The schema's SDL, and how it is asked: Strawberry's through its own extensions, graphql-core's directly."""
    try:
        if isinstance(schema, Schema):
            return schema.as_str(), _strawberry(schema)
        if isinstance(schema, GraphQLSchema):
            return print_schema(schema), _core(schema)
    except Exception as error:
        raise ConfigError([_failed(source, f"the schema cannot be printed: {_told(error)}", error)]) from None
    message = f"{source.schema_.from_} is of type {type(schema).__name__}, not a GraphQL schema"
    raise ConfigError([fault(source, "LOCAL_NOT_A_SCHEMA", message, fix="name a strawberry.Schema or a graphql.GraphQLSchema")])


def _strawberry(schema: Schema) -> Execute:
    async def execute(asked: Asked, context: Mapping[str, Any]) -> Result:
        return await schema.execute(asked.query, variable_values=asked.variables, context_value=context)

    return execute


def _core(schema: GraphQLSchema) -> Execute:
    async def execute(asked: Asked, context: Mapping[str, Any]) -> ExecutionResult:
        return await graphql(schema, asked.query, variable_values=asked.variables, context_value=context)

    return execute


def _found(source: Source, place: str) -> object:
    """What `python:module:attribute` names."""
    name, colon, attribute = place.removeprefix(PYTHON).partition(":")
    if not (place.startswith(PYTHON) and name and colon and attribute):
        message = f"{place!r} does not name a schema in Python"
        raise ConfigError([fault(source, "LOCAL_REFERENCE", message, fix="write `schema: python:module:attribute`")])
    found: object = _imported(source, name)
    for step in attribute.split("."):
        if not hasattr(found, step):
            fix = nearest(step, (known for known in dir(found) if not known.startswith("_")))
            raise ConfigError([fault(source, "LOCAL_REFERENCE", f"{name} has no {attribute}", fix=fix)])
        found = getattr(found, step)
    return found


def _imported(source: Source, name: str) -> object:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            fix = "install it beside the gateway, or put its folder on PYTHONPATH"
            raise ConfigError([fault(source, "LOCAL_REFERENCE", f"there is no module {error.name}", fix=fix)]) from None
        raise ConfigError([_failed(source, f"importing {name} failed: {_told(error)}", error)]) from None
    except (Exception, SystemExit) as error:
        raise ConfigError([_failed(source, f"importing {name} failed: {_told(error)}", error)]) from None


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _failed(source: Source, message: str, error: BaseException) -> Problem:
    """With the line that raised, which is in the schema's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    mark = Mark(frames[-1].filename, frames[-1].lineno or 1, 1) if frames else None
    return fault(source, "LOCAL_IMPORT_FAILED", message, mark=mark)


def restore_one_of() -> None:
    """A `strawberry.Schema` replaces `__Type.isOneOf` of the whole process by a resolver that knows its own types only.

    The gateway answers introspection of all sources in this process, so the field is made to know every type again.
    """

    def is_one_of(kind: GraphQLNamedType, _info: object) -> bool | None:
        if not isinstance(kind, GraphQLInputObjectType):
            return None
        made_by_strawberry = kind.extensions.get("strawberry-definition")
        return kind.is_one_of or bool(getattr(made_by_strawberry, "is_one_of", False))

    kind = introspection_types["__Type"]
    assert isinstance(kind, GraphQLObjectType)
    kind.fields["isOneOf"].resolve = is_one_of
